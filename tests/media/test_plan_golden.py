"""Typical jobs and the exact commands that are planned for them. No FFmpeg is run here."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest

from mediaglot.gateway import model as m
from mediaglot.gateway.media.argv import argv
from mediaglot.gateway.media.format import CONTAINERS, ENCODERS, PICTURE_FORMATS
from mediaglot.gateway.media.guard import FORMATS
from mediaglot.gateway.media.parts import Plan
from mediaglot.gateway.media.plan import plan

ALL_ENCODERS = frozenset(name for names in ENCODERS.values() for name in names)
ALL_MUXERS = frozenset({container.muxer for container in CONTAINERS.values()} | {"image2"})

HEAD = (
    "ffmpeg -nostdin -hide_banner -y -loglevel level+warning -nostats -xerror -progress pipe:1 -stats_period 0.5"
).split()
GUARD = f"-protocol_whitelist file -format_whitelist {FORMATS} -max_pixels 50000000 -threads 2".split()
PICTURE = f"-protocol_whitelist file -format_whitelist {PICTURE_FORMATS} -max_pixels 50000000 -threads 2".split()
GRAPH = "-filter_complex_threads 2 -filter_complex".split()
LIGHT = "-filter_complex_threads 1 -filter_complex".split()
PLAIN = "-map_metadata -1 -map_chapters 0 -movflags +faststart".split()
CUT = "-map_metadata -1 -map_chapters -1 -movflags +faststart".split()
X264 = "-c:v libx264 -preset veryfast -pix_fmt yuv420p".split()

CLIP = m.MediaFacts(
    container="mov",
    size=10_000_000,
    duration=Fraction(60),
    bitrate=1_300_000,
    video=(
        m.VideoFacts(
            codec="h264",
            width=1920,
            height=1080,
            frame_rate=Fraction(30),
            bitrate=1_200_000,
            duration=Fraction(60),
            rotation=0,
        ),
    ),
    audio=(m.AudioFacts(codec="aac", sample_rate=44100, channels=2, bitrate=96_000),),
)
SILENT = replace(CLIP, audio=())


def job(*outputs: m.Output, sources: int = 1, clip: m.Clip | None = None) -> m.Job:
    place = m.Location(url="https://example.test/a.mp4")
    return m.Job(inputs=tuple(m.Input(location=place, clip=clip) for _ in range(sources)), outputs=outputs)


def make(asked: m.Job, *facts: m.MediaFacts) -> Plan:
    return plan(asked, facts or (CLIP,), encoders=ALL_ENCODERS, muxers=ALL_MUXERS)


def commands(asked: m.Job, *facts: m.MediaFacts) -> list[list[str]]:
    made = make(asked, *facts)
    assert made.faults == {}
    return [list(argv(run, "ffmpeg", threads=2)) for run in made.runs]


LOGO = m.ImageOverlay(
    location=m.Location(url="https://example.test/logo.png"),
    x=10,
    y=20,
    anchor=("bottom", "right"),
    width=m.Share(Fraction(1, 4)),
    opacity=Fraction(7, 10),
    key_color="00ff00",
    start=Fraction(1),
    duration=Fraction(3, 2),
)

GOLDEN = {
    "a plain mp4 needs no filter": (
        job(m.Output(container="mp4")),
        [[*HEAD, *GUARD, *"-i source-0 -map 0:V:0 -map 0:a:0 -threads 2".split(), *X264,
          *"-c:a aac".split(), *PLAIN, *"-f mp4 out-0/media.mp4".split()]],
    ),
    "a ladder is decoded once": (
        job(
            m.Output(container="mp4", video=m.Video(size=m.Size(height=720), rate=m.Average(bitrate=2_500_000))),
            m.Output(container="mp4", video=m.Video(size=m.Size(height=480), rate=m.Quality(level=Fraction(23)))),
        ),
        [[*HEAD, *GUARD, *"-i source-0".split(), *LIGHT,
          "[0:V:0]scale=1280:720,setsar=1,split=2[v0][s2];[s2]scale=854:480,setsar=1[v1]",
          *"-map [v0] -map 0:a:0 -threads 2 -c:v libx264 -preset veryfast -b:v 2500000 -pix_fmt yuv420p".split(),
          *"-c:a aac".split(), *PLAIN, *"-f mp4 out-0/media.mp4".split(),
          *"-map [v1] -map 0:a:0 -threads 2 -c:v libx264 -preset veryfast -crf 23 -pix_fmt yuv420p".split(),
          *"-c:a aac".split(), *PLAIN, *"-f mp4 out-1/media.mp4".split()]],
    ),
    "a common clip is sought": (
        job(m.Output(container="mp4", clip=m.Clip(start=Fraction(5), end=Fraction(15, 2)))),
        [[*HEAD, *GUARD, *"-ss 5 -t 2.5 -i source-0 -map 0:V:0 -map 0:a:0 -threads 2".split(), *X264,
          *"-c:a aac".split(), *CUT, *"-f mp4 out-0/media.mp4".split()]],
    ),
    "unlike clips are trimmed": (
        job(
            m.Output(container="mp4", audio=m.SKIP, clip=m.Clip(start=Fraction(5), duration=Fraction(2))),
            m.Output(container="mp3"),
        ),
        [[*HEAD, *GUARD, *"-i source-0".split(), *GRAPH,
          "[0:V:0]trim=start=5:end=7,setpts=PTS-5/TB[v0]", "-filter_complex", "[0:a:0]aresample=async=1[a1]",
          *"-map [v0] -threads 2".split(), *X264, *CUT, *"-f mp4 out-0/media.mp4".split(),
          *"-map [a1] -threads 2 -c:a libmp3lame -b:a 128000 -map_metadata -1 -map_chapters 0".split(),
          *"-id3v2_version 3 -f mp3 out-1/media.mp3".split()]],
    ),
    "a copy seeks on its own": (
        job(
            m.Output(container="mp4"),
            m.Output(
                container="mov", video=m.Video(codec="copy"), audio=m.Audio(codec="copy"),
                clip=m.Clip(start=Fraction(5)),
            ),
        ),
        [[*HEAD, *GUARD, *"-i source-0".split(), *GUARD, *"-ss 5 -i source-0".split(),
          *"-map 0:V:0 -map 0:a:0 -threads 2".split(), *X264, *"-c:a aac".split(), *PLAIN,
          *"-f mp4 out-0/media.mp4 -map 1:V:0 -map 1:a:0 -threads 2 -c:v copy -c:a copy".split(),
          *"-map_metadata -1 -map_chapters -1 -movflags +faststart -avoid_negative_ts make_zero".split(),
          *"-f mov out-1/media.mov".split()]],
    ),
    "two passes share an analysis": (
        job(
            m.Output(container="mp3"),
            m.Output(container="mp4", video=m.Video(rate=m.Average(bitrate=500_000), passes=2)),
            m.Output(container="mp4", audio=m.SKIP,
                     video=m.Video(codec="hevc", rate=m.Average(bitrate=400_000), passes=2)),
        ),
        [[*HEAD, *GUARD, *"-i source-0".split(),
          *"-map 0:V:0 -map 0:0 -threads 2 -c:v libx264 -preset veryfast -b:v 500000 -pix_fmt yuv420p".split(),
          *"-pass:v 1 -passlogfile:v pass-1 -c:1 copy -f null -".split(),
          *"-map 0:V:0 -threads 2 -c:v libx265 -preset veryfast -b:v 400000 -pix_fmt yuv420p -tag:v hvc1".split(),
          *"-x265-params pass=1:stats=pass-2.log -f null -".split()],
         [*HEAD, *GUARD, *"-i source-0".split(), *GRAPH, "[0:a:0]aresample=async=1[a0]",
          *"-map 0:V:0 -map 0:a:0 -threads 2 -c:v libx264 -preset veryfast -b:v 500000 -pix_fmt yuv420p".split(),
          *"-pass:v 2 -passlogfile:v pass-1 -c:a aac".split(), *PLAIN, *"-f mp4 out-1/media.mp4".split(),
          *"-map 0:V:0 -threads 2 -c:v libx265 -preset veryfast -b:v 400000 -pix_fmt yuv420p -tag:v hvc1".split(),
          *"-x265-params pass=2:stats=pass-2.log".split(), *PLAIN, *"-f mp4 out-2/media.mp4".split(),
          *"-map [a0] -threads 2 -c:a libmp3lame -b:a 128000 -map_metadata -1 -map_chapters 0".split(),
          *"-id3v2_version 3 -f mp3 out-0/media.mp3".split()]],
    ),
    "filters come in their order": (
        job(
            m.Output(
                container="mp4",
                video=m.Video(
                    size=m.Size(width=640, height=480),
                    rotate=90,
                    crop=m.Edges(left=8, right=8, top=4, bottom=4),
                    deinterlace=m.Deinterlace.ON,
                    denoise=m.Denoise(luma_spatial=Fraction(4), chroma_spatial=Fraction(3), luma_temporal=Fraction(6)),
                    frame_rate=m.FrameRate(value=Fraction(30000, 1001)),
                    scaler="lanczos",
                    fade_in=m.Fade(start=Fraction(0), duration=Fraction(1)),
                    fade_out=m.Fade(start=Fraction(59), duration=Fraction(1, 2)),
                ),
                audio=m.Audio(
                    codec="mp3", bitrate=96_000, sample_rate=22050, channels=1, volume=Fraction(1, 2), language="deu",
                    loudness=m.Loudness(integrated=Fraction(-23), peak=Fraction(-2)), resync=1000,
                    fade_in=m.Fade(start=Fraction(0), duration=Fraction(1)),
                ),
            )
        ),
        [[*HEAD, *GUARD, *"-i source-0".split(), *GRAPH,
          ("[0:V:0]bwdif=mode=send_frame:parity=auto:deint=all,transpose=clock,crop=1064:1912:8:4:exact=1,hqdn3d=4:3:6,"
          "fps=30000/1001,scale=268:480:flags=lanczos,setsar=1,pad=640:480:186:0,fade=t=in:st=0:d=1,"
          "fade=t=out:st=59:d=0.5[v0]"), "-filter_complex",
          "[0:a:0]aresample=async=1000,volume=0.5,loudnorm=I=-23:TP=-2,afade=t=in:st=0:d=1[a0]",
          *"-map [v0] -map [a0] -threads 2".split(), *X264, *"-c:a libmp3lame -b:a 96000 -ar 22050 -ac 1".split(),
          *"-metadata:s:a:0 language=deu".split(), *PLAIN, *"-f mp4 out-0/media.mp4".split()]],
    ),
    "rate, key frames and fine settings": (
        job(
            m.Output(
                container="mp4",
                audio=m.SKIP,
                video=m.Video(
                    rate=m.Constant(bitrate=800_000, padded=True), profile="High", level="3.1", b_frames=2,
                    references=3, speed="medium", sync="cfr", color=m.Color(primaries="bt709"),
                    key_frames=m.KeyFrames(seconds=Fraction(2), every=Fraction(2), closed=True),
                    tune={"subq": "7", "flags": "+loop", "coder": "1", "partitions": "+parti4x4"},
                ),
                metadata={"title": "A: [b];c='d'", "Author": "me"},
                keep_metadata=True,
                keep_chapters=False,
            )
        ),
        [[*HEAD, *GUARD, *"-i source-0".split(), *GRAPH, "[0:V:0]setparams=color_primaries=bt709[v0]",
          *"-map [v0] -threads 2 -c:v libx264 -subq:v 7 -coder:v 1 -preset medium".split(),
          *"-b:v 800000 -minrate 800000 -maxrate 800000 -bufsize 800000 -nal-hrd cbr -profile:v high".split(),
          *"-pix_fmt yuv420p -level:v 3.1 -bf:v 2 -refs:v 3 -fps_mode:v cfr -g:v 60".split(),
          *"-force_key_frames:v expr:gte(t,n_forced*2) -color_primaries:v bt709 -flags:v +loop+cgop".split(),
          *"-map_metadata 0 -map_chapters -1 -metadata".split(), "title=A: [b];c='d'", *"-metadata artist=me".split(),
          *"-movflags +faststart -f mp4 out-0/media.mp4".split()]],
    ),
    "a logo and a text": (
        job(
            m.Output(
                container="mp4",
                video=m.Video(size=m.Size(width=640)),
                audio=m.SKIP,
                overlays=(LOGO, m.TextOverlay(text="movie=/etc/passwd'];", start=Fraction(2))),
            )
        ),
        [[*HEAD, *GUARD, *"-i source-0".split(), *PICTURE, *"-i overlay-0-0".split(), *PICTURE,
          *"-i overlay-0-1".split(), *GRAPH,
          ("[1:V:0]format=rgba,colorkey=0x00FF00:0.1:0,scale=160:-1,colorchannelmixer=aa=0.7[o0_0];"
          "[0:V:0]scale=640:360,setsar=1[b0_0];"
          "[b0_0][o0_0]overlay=x=W-w-10:y=H-h-20:eval=init:format=auto:enable='between(t,1,2.5)'[m0_0];"
          "[2:V:0]format=rgba[o0_1];"
          "[m0_0][o0_1]overlay=x=0:y=0:eval=init:format=auto:enable='gte(t,2)'[m0_1];[m0_1]null[v0]"),
          *"-map [v0] -threads 2".split(), *X264, *PLAIN, *"-f mp4 out-0/media.mp4".split()]],
    ),
    "stills: one by seeking, a series from the stream": (
        job(
            m.Output(
                stills=(
                    m.Stills(at=m.Share(Fraction(1, 2)), size=m.Size(width=320), quality=100),
                    m.Stills(every=Fraction(10), format=m.StillFormat.PNG),
                    m.Stills(at=Fraction(99)),
                )
            )
        ),
        [[*HEAD, *GUARD, *"-ss 30 -i source-0".split(), *GUARD, *"-i source-0".split(), *GUARD,
          *"-ss 59.9 -i source-0".split(), *LIGHT, "[1:V:0]fps=1/10:round=up:start_time=0[i0_1]",
          *"-map 0:V:0 -filter:v scale=320:180,setsar=1 -c:v mjpeg -q:v 2 -pix_fmt yuvj420p -threads:v 1".split(),
          *"-frames:v 1 -update 1 -f image2 out-0/still-0.jpg".split(),
          *"-map [i0_1] -c:v png -threads:v 1 -frames:v 6 -start_number 1 -f image2 out-0/still-1-%05d.png".split(),
          *"-map 2:V:0 -c:v mjpeg -q:v 3 -pix_fmt yuvj420p -threads:v 1".split(),
          *"-frames:v 1 -update 1 -f image2 out-0/still-2.jpg".split()]],
    ),
    "a rotation mark has its own feed": (
        job(m.Output(container="mp4", audio=m.SKIP, video=m.Video(tag_rotation=90))),
        [[*HEAD, *GUARD, *"-display_rotation:v:0 -90 -noautorotate -i source-0 -map 0:V:0 -threads 2".split(), *X264,
          *PLAIN, *"-f mp4 out-0/media.mp4".split()]],
    ),
    "hevc, vp9, av1 and gif": (
        job(
            m.Output(container="mp4", audio=m.SKIP, video=m.Video(codec="hevc", profile="main10", level="4.1")),
            m.Output(container="webm", video=m.Video(rate=m.Quality(level=Fraction(30), most=1_000_000))),
            m.Output(container="mp4", audio=m.SKIP, video=m.Video(codec="av1")),
            m.Output(container="gif", video=m.Video(size=m.Size(width=320))),
        ),
        [[*HEAD, *GUARD, *"-i source-0".split(), *GRAPH,
          ("[0:V:0]split=4[s0][s1][s2][s3];[s0]null[v0];[s1]null[v1];[s2]null[v2];"
          "[s3]fps=15,scale=320:180,setsar=1,split[p3][q3];[p3]palettegen=stats_mode=single[r3];"
          "[q3][r3]paletteuse=new=1[v3]"),
          *"-map [v0] -threads 2 -c:v libx265 -preset veryfast -profile:v main10 -pix_fmt yuv420p10le".split(),
          *"-tag:v hvc1 -x265-params level-idc=4.1".split(), *PLAIN, *"-f mp4 out-0/media.mp4".split(),
          *"-map [v1] -map 0:a:0 -threads 2 -c:v libvpx-vp9 -deadline realtime -cpu-used 6 -row-mt 1 -crf 30".split(),
          *"-b:v 1000000 -pix_fmt yuv420p -c:a libopus -b:a 128000 -ar 48000".split(),
          *"-map_metadata -1 -map_chapters 0 -f webm out-1/media.webm".split(),
          *"-map [v2] -threads 2 -c:v libsvtav1 -preset 10 -crf 35 -pix_fmt yuv420p".split(),
          *PLAIN, *"-f mp4 out-2/media.mp4".split(),
          *"-map [v3] -threads 2 -c:v gif -map_metadata -1 -map_chapters 0 -loop 0 -f gif out-3/media.gif".split()]],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GOLDEN)
def test_command(name: str) -> None:
    asked, expected = GOLDEN[name]
    assert commands(asked) == expected


STEADY = m.Output(container="mp4", video=m.Video(frame_rate=m.FrameRate(value=Fraction(25))))


@pytest.mark.parametrize(
    ("outputs", "graphs"),
    [
        ((m.Output(container="mp4"), STEADY), "[0:V:0]split=2[s0][s1];[s0]null[v0];[s1]fps=25[v1]"),
        ((m.Output(container="mp4", video=m.Video(codec="copy")), STEADY), "[0:V:0]fps=25[v1]"),
        ((m.Output(container="mp3"), STEADY), "[0:a:0]aresample=async=1[a0] [0:V:0]fps=25[v1]"),
        ((STEADY,), "[0:V:0]fps=25[v0]"),
        (
            (m.Output(container="mp4"), m.Output(container="mp4", video=m.Video(size=m.Size(width=320)))),
            "[0:V:0]scale=320:180,setsar=1[v1]",
        ),
    ],
)
def test_no_decoder_feeds_an_encoder_beside_a_filter_that_makes_pictures(
    outputs: tuple[m.Output, ...], graphs: str
) -> None:
    """FFmpeg 9 can stand still where one does, and where sound and pictures wait for each other in one graph."""
    (command,) = commands(job(*outputs))
    assert [word for before, word in pairwise(command) if before == "-filter_complex"] == graphs.split()


def test_unlike_sources_are_joined_in_order() -> None:
    small = m.MediaFacts(
        container="mpegts",
        size=1,
        duration=Fraction(3),
        video=(
            m.VideoFacts(
                codec="mpeg2video", width=720, height=576, pixel_aspect=Fraction(16, 15), frame_rate=Fraction(25)
            ),
        ),
    )
    image = m.MediaFacts(container="png_pipe", size=1, video=(m.VideoFacts(codec="png", width=1920, height=1080),))
    asked = job(m.Output(container="mp4"), m.Output(container="mp3"), sources=3)
    (command,) = commands(asked, CLIP, small, image)
    silence = "anullsrc=sample_rate=48000:channel_layout=stereo"
    sound = "aresample=48000,aformat=sample_fmts=fltp:channel_layouts=stereo"
    assert command[command.index("-filter_complex") + 1].split(";") == [
        "[0:V:0]fps=30,setsar=1,format=yuv420p[jv0]",
        f"[0:a:0]{sound}[ja0]",
        "[1:V:0]scale=1440:1080,setsar=1,pad=1920:1080:240:0,fps=30,setsar=1,format=yuv420p[jv1]",
        f"{silence},atrim=duration=3,{sound}[ja1]",
        "[2:V:0]loop=loop=-1:size=1,settb=1/30,setpts=N,trim=duration=5,fps=30,setsar=1,format=yuv420p[jv2]",
        f"{silence},atrim=duration=5,{sound}[ja2]",
        "[jv0][ja0][jv1][ja1][jv2][ja2]concat=n=3:v=1:a=1[jv][ja]",
        "[ja]asplit=2[t1][t2]",
        "[jv]null[v0]",
        "[t1]anull[a0]",
        "[t2]aresample=async=1[a1]",
    ]
    assert make(asked, CLIP, small, image).runs[0].duration == 68
