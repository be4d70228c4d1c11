"""One server that speaks every video-transcoding provider's own HTTP dialect, and really transcodes."""
