"""One server that speaks the HTTP dialects of video-transcoding providers, and really transcodes."""
