"""The media pipeline against the best command known by hand for the same work, in one run, on one machine.

``python tests/benchmarks/media.py [ladder|remux|probe|overhead|clips ...] [--seconds N] [--rounds N]``,
with ``--films DIR`` to keep the sources for another time and ``--ffprobe PATH`` to say which one to probe against.

Ours is a real server, ``mediaglot serve``, that a client of Encoding.com gives a job: its time is from the create call
until the job is finished, with the source in a storage that is a folder on the same disk. The command by hand runs
at nice 0. Alternatives take turns, runs that others disturbed are thrown away, figures are medians; quote the ratios.
Memory is what is resident in all processes together, the server among them (the largest of all rounds).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from gauge import CORES, Cost, compare, measure, middle, resident
from quality import FFMPEG, quality, same_packets
from server import ask, free_port, mediaglot, running

RUNGS = (("1920x1080", 4500), ("1280x720", 2500), ("854x480", 1200), ("426x240", 400))
H264: dict[str, object] = {"video_codec": "libx264", "profile": "high"}
"""Encoding.com has no word for x264's preset; ours is veryfast where nobody asks for more."""
JUDGED = 10
"""One picture of a ladder in so many is judged."""

MANY_BYTES = 10_000_000
"""Of a film. To ask for its job two hundred times a second would cost as much CPU as to copy it."""
SHORT = {"overhead": 30, "clips": 60}
"""How often the short work is done."""


@dataclass
class Studio:
    """A folder to work in, one with sources, and a server that takes them from there."""

    folder: Path
    films: Path
    port: int
    pid: int
    seconds: int
    rounds: int

    def by_hand(self, *commands: Sequence[str]) -> Cost:
        """The commands one after another."""
        return measure(lambda: [run(*command) for command in commands], os.getpid(), frozenset({self.pid}))

    def ours(self, source: str, *formats: dict[str, object], pause: float) -> Cost:
        return measure(lambda: self.job(source, *formats, pause=pause), self.pid)

    def job(self, source: str, *formats: dict[str, object], pause: float = 0.02, first: float = 0) -> list[Path]:
        """The files of the finished job. It is asked for after ``first`` seconds, and then after each ``pause``."""
        media_id = self.add(source, *formats)
        time.sleep(first)
        return self.finish(media_id, pause)

    def add(self, source: str, *formats: dict[str, object]) -> str:
        answer = ask(self.port, "AddMedia", source=f"s3://films/{source}", format=list(formats))
        if "MediaID" not in answer:
            raise RuntimeError(str(answer))
        return str(answer["MediaID"])

    def finish(self, media_id: str, pause: float) -> list[Path]:
        while (found := ask(self.port, "GetStatus", mediaid=media_id))["status"] not in ("Finished", "Error"):
            time.sleep(pause)
        listed = found["format"] if isinstance(found["format"], list) else [found["format"]]
        if found["status"] != "Finished" or any(one["status"] != "Finished" for one in listed):
            raise RuntimeError(str(found))
        outputs = self.folder / "data" / "outputs"
        return [outputs.joinpath(*str(one["s3_destination"]).split("/")[-3:]) for one in listed]


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)


def show(name: str, value: str, aim: str = "") -> None:
    print(f"  {name:<66} {value:>9}   {aim}", flush=True)


def costs(found: dict[str, list[Cost]]) -> dict[str, Cost]:
    medians = {name: middle(costs) for name, costs in found.items()}
    for name, one in medians.items():
        walls = f"{min(run.wall for run in found[name]):.3f}-{max(run.wall for run in found[name]):.3f}"
        show(f"{name}: CPU {one.cpu:.2f} s, memory {one.peak:.0f} MB, wall {walls}, median", f"{one.wall:.3f} s")
    return medians


def told(*commands: Sequence[str]) -> None:
    for command in commands:
        print("  $ " + shlex.join(["ffmpeg", *command[1:]]))


# --- the sources -------------------------------------------------------------------------------------


def film(studio: Studio) -> Path:
    """1080p30, H.264 at 8 Mbit/s and AAC: a test pattern, a zooming fractal that moves over it, and noise."""
    path = studio.films / f"film-{studio.seconds}.mp4"
    if not path.exists():
        graph = (
            "testsrc2=1920x1080:30[a];mandelbrot=480x270:30[b];"
            "[a][b]overlay='(W-w)*(0.5+0.5*sin(t/3))':'(H-h)*(0.5+0.5*cos(t/4))',noise=alls=8:allf=t,format=yuv420p"
        )
        sound = ("-f", "lavfi", "-i", "sine=frequency=330:beep_factor=4:sample_rate=48000")
        coding = "-c:v libx264 -preset veryfast -b:v 8M -maxrate 8M -bufsize 16M -g 60 -c:a aac -b:a 128k -ac 2".split()
        run(FFMPEG, "-f", "lavfi", "-i", graph, *sound, *coding, "-t", str(studio.seconds), str(path))
    return path


def long(studio: Studio) -> Path:
    """The film ten times over: some 600 MB, a remux of which takes seconds, so that no tenth of one decides."""
    path = studio.films / f"film-{10 * studio.seconds}.mp4"
    if not path.exists():
        run(FFMPEG, "-stream_loop", "9", "-i", str(film(studio)), "-map", "0", "-c", "copy", str(path))
    return path


def clip(studio: Studio, seconds: int = 1) -> Path:
    path = studio.films / f"clip-{seconds}.mp4"
    if not path.exists():
        source = ("-f", "lavfi", "-i", "testsrc2=640x360:30", "-f", "lavfi", "-i", "sine=frequency=330")
        run(FFMPEG, *source, "-c:v", "libx264", "-c:a", "aac", "-t", str(seconds), str(path))
    return path


# --- the work ------------------------------------------------------------------------------------------


def rung(bitrate: int) -> list[str]:
    rate = f"-b:v {bitrate}k -maxrate {bitrate}k -bufsize {2 * bitrate}k"
    return f"-c:v libx264 -preset veryfast {rate} -g 60 -profile:v high -c:a aac -b:a 128k -movflags +faststart".split()


def ladder(studio: Studio) -> None:
    """Four rungs of H.264: one process that decodes once and splits, four processes in turn, and a job of ours."""
    source = film(studio)
    places = [studio.folder / f"split-{size}.mp4" for size, _ in RUNGS]
    others = [studio.folder / f"alone-{size}.mp4" for size, _ in RUNGS]
    alone = [
        [FFMPEG, "-y", "-i", str(source), "-vf", f"scale={size.replace('x', ':')}", *rung(bitrate), str(place)]
        for (size, bitrate), place in zip(RUNGS, others, strict=True)
    ]
    scales = ";".join(f"[s{n}]scale={size.replace('x', ':')}[v{n}]" for n, (size, _) in enumerate(RUNGS) if n)
    graph = f"[0:v]split={len(RUNGS)}[v0]" + "".join(f"[s{n}]" for n in range(1, len(RUNGS))) + f";{scales}"
    ends = [
        ["-map", f"[v{n}]", "-map", "0:a", *rung(bitrate), str(place)]
        for n, ((_, bitrate), place) in enumerate(zip(RUNGS, places, strict=True))
    ]
    split = [FFMPEG, "-y", "-i", str(source), "-filter_complex", graph, *(word for end in ends for word in end)]
    formats: list[dict[str, object]] = [
        {
            "output": "mp4",
            "size": size,
            "bitrate": f"{bitrate}k",
            "maxrate": f"{bitrate}k",
            "bufsize": f"{2 * bitrate}k",
            "audio_bitrate": "128k",
            "keyframe": "60",
            **H264,
        }
        for size, bitrate in RUNGS
    ]
    print(f"Four-rung H.264 ladder of {studio.seconds} s 1080p")
    told(split)
    made: list[Path] = []

    def ours() -> None:
        made[:] = studio.job(source.name, *formats, pause=0.1)

    found = costs(
        compare(
            studio.rounds,
            {
                "one process, split": lambda: studio.by_hand(split),
                "four processes in turn": lambda: studio.by_hand(*alone),
                "a job of ours": lambda: measure(ours, studio.pid),
            },
        )
    )
    own = found["a job of ours"].wall
    show("ours / one process, split", f"{own / found['one process, split'].wall:.3f}", "aim 1.03 at most")
    show("ours / four processes in turn", f"{own / found['four processes in turn'].wall:.3f}", "aim 0.75 at most")
    used = found["a job of ours"].cpu / found["one process, split"].cpu
    show("CPU seconds of ours / one process, split", f"{used:.3f}")
    for hand, own_file, (size, _) in zip(places, made, RUNGS, strict=True):
        theirs, mine = quality(hand, source, JUDGED), quality(own_file, source, JUDGED)
        print(f"  {size}: by hand {theirs}; ours {mine}")
        if not mine.as_good_as(theirs):
            raise RuntimeError("not as good as by hand")


def remux(studio: Studio) -> None:
    """The same coded pictures and sounds in another file: of a film, and of a short clip, where fixed costs count."""
    for source in (long(studio), clip(studio, 4)):
        remux_one(studio, source)


def remux_one(studio: Studio, source: Path) -> None:
    place, alike = studio.folder / "copy.mov", studio.folder / "alone" / "out-0" / "media.mov"
    command = [FFMPEG, "-y", "-i", str(source), "-map", "0", "-c", "copy", "-movflags", "+faststart", str(place)]
    wish: dict[str, object] = {"output": "mov", "video_codec": "copy", "audio_codec": "copy"}
    print(f"Remux of {source.stat().st_size / 1e6:.1f} MB to QuickTime")
    told(command)
    alone = pipeline(studio, source)
    pause = 0.005 if source.stat().st_size < MANY_BYTES else 0.05

    made: list[Path] = []

    def job() -> list[Path]:
        made[:] = studio.job(source.name, wish, pause=pause)
        return made

    def afresh(run: Callable[[], Cost]) -> Callable[[], Cost]:
        """To write over a large file, or to keep many of them in the disk's cache, takes time of its own."""

        def rid() -> Cost:
            for path in (place, alike, *made):
                path.unlink(missing_ok=True)
            return run()

        return rid

    alternatives = {
        "ffmpeg -c copy": afresh(lambda: studio.by_hand(command)),
        "our pipeline": afresh(lambda: measure(lambda: asyncio.run(alone()), os.getpid(), frozenset({studio.pid}))),
        "a job of ours": afresh(lambda: measure(job, studio.pid)),
    }
    found = costs(compare(3 * studio.rounds, alternatives))
    hand = found["ffmpeg -c copy"].wall
    show(
        "our pipeline, from a stored source / ffmpeg -c copy",
        f"{found['our pipeline'].wall / hand:.2f}",
        "aim 1.2 at most",
    )
    show("the whole job / ffmpeg -c copy", f"{found['a job of ours'].wall / hand:.2f}", "aim 1.2 at most")
    more = (found["a job of ours"].wall - hand) * 1000
    show("the whole job takes more", f"{more:.0f} ms")
    afresh(lambda: studio.by_hand(command))()
    asyncio.run(alone())
    for path in (*job(), alike):
        if not same_packets(place, path):
            raise RuntimeError("not the same packets")


def pipeline(studio: Studio, source: Path) -> Callable[[], Coroutine[None, None, None]]:
    """A copy planned and run as the server does it, without what is around it: a probed source to a file."""
    from mediaglot.gateway import model
    from mediaglot.gateway.media.argv import argv
    from mediaglot.gateway.media.plan import plan
    from mediaglot.gateway.media.probe import Prober
    from mediaglot.gateway.media.run import run as run_one
    from mediaglot.gateway.media.tool import find

    folder = studio.folder / "alone"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "out-0").mkdir(parents=True)
    (folder / "source-0").symlink_to(source)
    tool = find(FFMPEG, folder / "tool.json")
    copied = model.Output(container="mov", video=model.Video(codec="copy"), audio=model.Audio(codec="copy"))
    job = model.Job(inputs=(model.Input(location=model.Location(url="")),), outputs=(copied,))

    async def look() -> model.MediaFacts:
        async with Prober(tool) as prober:
            return await prober.probe(folder / "source-0")

    facts = asyncio.run(look())

    async def make() -> None:
        for one in plan(job, [facts], encoders=tool.encoders, muxers=tool.muxers).runs:
            await run_one(argv(one, tool.path), cwd=folder, on_progress=lambda _: None)

    return make


def overhead(studio: Studio) -> None:
    """What a job takes beside its FFmpeg, of which it has one run. Nobody asks for it while the command by hand would
    still run: each question takes processor time away from FFmpeg, which is polite."""
    source, place = clip(studio, 4), studio.folder / "small.mp4"
    command, wish = small(source, place)
    print("One small job from AddMedia to Finished")
    told(command)
    hand, own = [], []
    for _ in range(SHORT["overhead"]):
        hand.append(timed(lambda: run(*command)))
        own.append(timed(lambda: studio.job(source.name, wish, pause=0.005, first=hand[-1])))
    theirs, mine = statistics.median(hand) * 1000, statistics.median(own) * 1000
    show(f"by hand {theirs:.0f} ms, as a job {mine:.0f} ms, more", f"{mine - theirs:.0f} ms", "aim 100 ms at most")
    like(place, studio.job(source.name, wish)[0], source)


def small(source: Path, place: Path) -> tuple[list[str], dict[str, object]]:
    """A small encode by hand and as one of our formats."""
    coding = "-vf scale=320:180 -c:v libx264 -preset veryfast -b:v 300k -c:a aac -b:a 64k -movflags +faststart".split()
    command = [FFMPEG, "-nostdin", "-y", "-i", str(source), *coding, str(place)]
    return command, {"output": "mp4", "size": "320x180", "bitrate": "300k", "audio_bitrate": "64k", **H264}


def like(hand: Path, made: Path, source: Path) -> None:
    theirs, mine = quality(hand, source), quality(made, source)
    print(f"  by hand {theirs}; ours {mine}")
    if not mine.as_good_as(theirs):
        raise RuntimeError("not as good as by hand")


def timed(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def clips(studio: Studio) -> None:
    """Many clips of one second, as many at once as there are cores. The end is looked for closely, which else would be
    told a pause too late."""
    source, count = clip(studio), SHORT["clips"]
    command, wish = small(source, studio.folder / "clip-out.mp4")
    print(f"{count} clips of one second, {CORES} at once")
    told(command)

    async def loop() -> None:
        free = asyncio.Semaphore(CORES)

        async def one(number: int) -> None:
            async with free:
                words = [*command[:-1], str(studio.folder / f"clip-out-{number}.mp4")]
                quiet = asyncio.subprocess.DEVNULL
                done = await asyncio.create_subprocess_exec(*words, stdin=quiet, stdout=quiet, stderr=quiet)
                if await done.wait():
                    raise RuntimeError(shlex.join(words))

        await asyncio.gather(*(one(number) for number in range(count)))

    def ours() -> None:
        for number, media_id in enumerate([studio.add(source.name, wish) for _ in range(count)]):
            studio.finish(media_id, 0.25 if number < count - CORES else 0.02)

    alternatives = {
        "a bare asyncio loop": lambda: measure(lambda: asyncio.run(loop()), os.getpid(), frozenset({studio.pid})),
        "jobs of ours": lambda: measure(ours, studio.pid),
    }
    found = costs(compare(studio.rounds, alternatives))
    ratio = found["a bare asyncio loop"].wall / found["jobs of ours"].wall
    show(
        f"ours {count / found['jobs of ours'].wall:.1f}/s, clips per second / the loop",
        f"{ratio:.2f}",
        "aim 0.9 at least",
    )
    like(studio.folder / "clip-out-0.mp4", studio.job(source.name, wish)[0], source)


def probe(studio: Studio) -> None:
    """What is in a file: our prober in its ready process, against programs that are started for it."""
    from mediaglot.gateway.media.probe import Prober

    source = film(studio)
    ffprobe = os.environ.get("FFPROBE") or shutil.which("ffprobe")
    pyav = "import av, sys; print([(s.type, s.codec_context.name, s.duration) for s in av.open(sys.argv[1]).streams])"
    commands = {
        "PyAV in a new process": [sys.executable, "-c", pyav, str(source)],
        "ffmpeg -i": [FFMPEG, "-hide_banner", "-i", str(source)],
        **({"ffprobe": [ffprobe, "-v", "error", "-show_format", "-show_streams", str(source)]} if ffprobe else {}),
    }

    peaks: list[float] = []

    async def ready(times: int) -> list[float]:
        async with Prober() as prober:
            await prober.probe(source)
            peaks.append(resident(os.getpid(), frozenset({studio.pid})))
            found = []
            for _ in range(times):
                began = time.perf_counter()
                await prober.probe(source)
                found.append(time.perf_counter() - began)
            return found

    print("Probing a film")
    if not ffprobe:
        print("  no ffprobe here, nor --ffprobe: the start of ffmpeg, a program alike, stands in for it")
    own = statistics.median(asyncio.run(ready(SHORT["overhead"])))
    show(f"our prober, {peaks[0]:.0f} MB in its process", f"{own * 1000:.1f} ms")
    if ffprobe:
        told = subprocess.run([ffprobe, "-version"], capture_output=True, text=True, check=True).stdout
        print(f"  against {' '.join(told.split()[:3])}")
    for name, command in commands.items():
        taken = [timed(lambda: subprocess.run(command, capture_output=True, check=False)) for _ in range(10)]  # noqa: B023
        other = statistics.median(taken)
        show(f"ours / {name}, which takes {other * 1000:.1f} ms", f"{own / other:.2f}", "aim under 1")


PARTS = {"ladder": ladder, "remux": remux, "probe": probe, "overhead": overhead, "clips": clips}


@contextlib.contextmanager
def opened(
    folder: Path, seconds: int, rounds: int, flags: Sequence[str], films: Path | None = None
) -> Iterator[Studio]:
    films = films or folder / "films"
    films.mkdir(exist_ok=True)
    port = free_port()
    storage = ("--storage", f"s3://films={films.absolute()}")
    with running(mediaglot(port, folder / "data", "--workers", str(CORES), *storage, *flags), port) as (process, _):
        studio = Studio(folder, films.absolute(), port, process.pid, seconds, rounds)
        studio.job(clip(studio).name, {"output": "mp3"})  # whatever is loaded for the first job
        yield studio


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[])
    parser.add_argument("--seconds", type=int, default=60, help="length of the film")
    parser.add_argument("--rounds", type=int, default=3, help="how often each alternative runs")
    parser.add_argument("--films", type=Path, help="a folder in which the sources are kept for the next time")
    parser.add_argument("--ffprobe", help="the ffprobe to probe against, else the one on PATH")
    parser.add_argument("--sandbox", help="what holds FFmpeg, as in `mediaglot serve --sandbox`")
    given = parser.parse_args()
    os.environ |= {"FFPROBE": given.ffprobe} if given.ffprobe else {}
    flags = ("--sandbox", given.sandbox) if given.sandbox else ()
    version = subprocess.run([FFMPEG, "-version"], capture_output=True, text=True, check=True).stdout.split()[2]
    print(f"{CORES} cores, FFmpeg {version}")
    for name in given.parts or PARTS:
        with (
            tempfile.TemporaryDirectory() as folder,
            opened(Path(folder), given.seconds, given.rounds, flags, given.films) as studio,
        ):
            PARTS[name](studio)


if __name__ == "__main__":
    main()
