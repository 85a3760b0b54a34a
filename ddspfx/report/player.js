"use strict";
// One transport for all sounds: every clip plays all the time, in step to the sample, and one gain is open.
(() => {
  const FADE = 0.008; // seconds; a switch without a click
  const root = document.getElementById("player");
  const data = JSON.parse(document.getElementById("clips").textContent);
  const seconds = data.seconds;
  const choices = [...root.querySelectorAll("[role=radio]")];
  const seek = root.querySelector(".seek input");
  const canvas = root.querySelector("canvas");
  const play = root.querySelector(".play");
  const loop = root.querySelector(".loop");
  const time = root.querySelector(".time");
  const state = root.querySelector(".state");
  let context, gains = {}, buffers = {}, sources = [];
  let chosen = "wet", playing = false, looping = false, offset = 0, started = 0;

  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;

  async function load() {
    try {
      context = new AudioContext({ sampleRate: data.sampleRate });
    } catch {
      context = new AudioContext();
    }
    for (const clip of data.clips) {
      buffers[clip.name] = await context.decodeAudioData(bytes(clip.sound));
      gains[clip.name] = context.createGain();
      gains[clip.name].gain.value = clip.name === chosen ? clip.gain : 0;
      gains[clip.name].connect(context.destination);
    }
    for (const control of [...choices, seek, play, loop]) control.disabled = false;
    say();
  }

  function position() {
    if (!playing) return offset;
    const passed = offset + Math.max(0, context.currentTime - started);
    return looping ? passed % seconds : Math.min(passed, seconds);
  }

  function begin(from) {
    stop();
    offset = from >= seconds - 0.01 ? 0 : from;
    started = context.currentTime + 0.02;
    for (const clip of data.clips) {
      const source = context.createBufferSource();
      source.buffer = buffers[clip.name];
      source.loop = looping;
      source.loopEnd = seconds;
      source.connect(gains[clip.name]);
      source.start(started, offset);
      sources.push(source);
    }
    playing = true;
    say();
    requestAnimationFrame(follow);
  }

  function stop() {
    for (const source of sources) source.stop();
    sources = [];
    playing = false;
  }

  function pause() {
    offset = position();
    stop();
    say();
  }

  async function toggle() {
    if (playing) return pause();
    await context.resume();
    begin(offset);
  }

  function choose(name) {
    chosen = name;
    const now = context.currentTime;
    for (const clip of data.clips) {
      const gain = gains[clip.name].gain;
      gain.cancelScheduledValues(now);
      gain.setTargetAtTime(clip.name === name ? clip.gain : 0, now, FADE / 3);
    }
    say();
  }

  function move(to) {
    if (playing) begin(to);
    else offset = to;
    say();
  }

  function repeat() {
    const here = position();
    looping = !looping;
    loop.setAttribute("aria-pressed", looping);
    move(here);
  }

  function follow() {
    if (!playing) return;
    if (!looping && position() >= seconds) {
      stop();
      offset = 0;
    }
    say();
    requestAnimationFrame(follow);
  }

  function say() {
    const here = position();
    const clip = data.clips.find((each) => each.name === chosen);
    root.dataset.playing = playing;
    root.dataset.chosen = chosen;
    root.dataset.time = here.toFixed(4);
    seek.value = here;
    seek.setAttribute("aria-valuetext", `${here.toFixed(1)} of ${seconds.toFixed(1)} seconds`);
    time.textContent = `${here.toFixed(2)} / ${seconds.toFixed(2)} s`;
    const words = `${playing ? "playing" : "paused"}: ${clip.label}`;
    if (state.textContent !== words) state.textContent = words;
    play.setAttribute("aria-label", playing ? "Pause" : "Play");
    for (const choice of choices) {
      const is = choice.dataset.name === chosen;
      choice.setAttribute("aria-checked", is);
      choice.tabIndex = is ? 0 : -1;
    }
    draw(clip, here);
  }

  function draw(clip, here) {
    const scale = window.devicePixelRatio || 1;
    const width = Math.round(canvas.clientWidth * scale), height = Math.round(canvas.clientHeight * scale);
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    const paint = canvas.getContext("2d"), style = getComputedStyle(root);
    const full = style.getPropertyValue(`--${clip.colour}`).trim(), rest = style.getPropertyValue("--line").trim();
    const head = (here / seconds) * width, step = width / clip.peaks.length;
    paint.clearRect(0, 0, width, height);
    clip.peaks.forEach(([low, high], place) => {
      paint.fillStyle = place * step < head ? full : rest;
      const top = (1 - high) * height / 2;
      paint.fillRect(place * step, top, Math.max(step * 0.8, 1), Math.max((high - low) * height / 2, scale));
    });
    paint.fillStyle = style.getPropertyValue("--ink").trim();
    paint.fillRect(Math.min(head, width - 2 * scale), 0, 2 * scale, height);
  }

  for (const choice of choices) choice.addEventListener("click", () => choose(choice.dataset.name));
  root.querySelector(".choices").addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const place = choices.findIndex((choice) => choice.dataset.name === chosen);
    const next = choices[(place + step + choices.length) % choices.length];
    choose(next.dataset.name);
    next.focus();
  });
  play.addEventListener("click", toggle);
  loop.addEventListener("click", repeat);
  seek.addEventListener("input", () => move(seek.valueAsNumber));
  window.addEventListener("resize", say);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", say);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || play.disabled) return;
    const clip = data.clips[Number(event.key) - 1];
    if (clip) choose(clip.name);
    else if (event.key === " " && event.target.tagName !== "BUTTON") {
      event.preventDefault();
      toggle();
    }
  });
  load().catch((error) => { state.textContent = `this browser cannot play it: ${error.message}`; });
})();
