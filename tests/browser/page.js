// Plays ?url= with the stock player that player.js is, as ?player=, and posts what happened to /report.
"use strict";

const asked = new URLSearchParams(location.search);
const video = document.getElementById("video");
const errors = [];
const fault = (found) => {
  errors.push(found);
  if (found.fatal) broken("the player gave up");
};
const levels = [];

const players = {
  hls(url) {
    const player = new Hls({ startLevel: 0 });
    player.on(Hls.Events.ERROR, (_, data) => fault({ fatal: data.fatal, what: data.details, why: `${data.error}` }));
    player.on(Hls.Events.LEVEL_SWITCHED, (_, data) => levels.push(player.levels[data.level].height));
    player.loadSource(url);
    player.attachMedia(video);
    return {
      version: Hls.version,
      heights: () => player.levels.map((level) => level.height),
      use: (index) => { player.nextLevel = index; },
    };
  },
  dash(url) {
    const player = dashjs.MediaPlayer().create();
    const fixed = { initialBitrate: { video: 1 }, autoSwitchBitrate: { video: false } };
    player.updateSettings({ streaming: { abr: fixed } });
    player.on(dashjs.MediaPlayer.events.ERROR, (found) => fault({ fatal: true, what: found.error.message }));
    player.on(dashjs.MediaPlayer.events.QUALITY_CHANGE_RENDERED, (found) => {
      if (found.mediaType === "video") levels.push(found.newRepresentation.height);
    });
    player.initialize(video, url, false);
    const all = () => player.getRepresentationsByType("video");
    return {
      version: player.getVersion(),
      heights: () => all().map((one) => one.height),
      use: (index) => player.setRepresentationForTypeByIndex("video", index, true),
    };
  },
  native(url) {
    video.src = url;
    return { version: "", heights: () => [video.videoHeight], use: () => {} };
  },
};

const once = (name) => new Promise((resolve) => video.addEventListener(name, resolve, { once: true }));

// The colours at the middle of the left and of the right half, as they are on the screen at that time.
async function look(time) {
  const seeked = once("seeked");
  const next = () => new Promise((resolve) => video.requestVideoFrameCallback((_, frame) => resolve(frame.mediaTime)));
  let shown = next();
  video.currentTime = time;
  while (Math.abs((await shown) - time) > 0.2) shown = next();
  await seeked;
  const canvas = new OffscreenCanvas(4, 2);
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, 0, 4, 2);
  const at = (x) => [...context.getImageData(x, 1, 1, 1).data].slice(0, 3);
  return [at(1), at(3)];
}

async function watch() {
  const loaded = once("loadedmetadata");
  const player = players[asked.get("player")](asked.get("url"));
  await loaded;
  const heights = player.heights();
  const first = video.videoHeight;
  await video.play();
  while (video.currentTime < 1) await once("timeupdate");
  player.use(heights.indexOf(Math.max(...heights)));
  video.playbackRate = 2;
  if (!video.ended) await once("ended"); // a busy machine may tell of the end before anybody listens
  const quality = video.getVideoPlaybackQuality();
  return {
    version: player.version,
    heights,
    first,
    last: [video.videoWidth, video.videoHeight],
    levels,
    end: video.currentTime,
    duration: video.duration,
    buffered: spans(),
    frames: quality.totalVideoFrames,
    dropped: quality.droppedVideoFrames,
    sound: video.webkitAudioDecodedByteCount,
    colours: [await look(video.duration * 1 / 12), await look(video.duration * 5 / 12), await look(video.duration * 9 / 12)],
  };
}

const report = (found) => fetch("report", { method: "POST", body: JSON.stringify({ errors, ...found }) });
const spans = () => [...Array(video.buffered.length).keys()].map((n) => [video.buffered.start(n), video.buffered.end(n)]);
const broken = (why) => report({ broken: `${why}`, at: video.currentTime, ready: video.readyState, buffered: spans() });
setTimeout(() => broken("not at its end after 40 seconds"), 40000);
window.addEventListener("error", (event) => broken(event.message));
video.addEventListener("error", () => broken(video.error.message));
watch().then(report, broken);
