// The moving parts of the page: it asks for them again and again and puts them in
// place, presses buttons without leaving the page, and draws the lines from the
// session to its copies. Without it the page works too, one reload at a time.
"use strict";

const $ = (q) => document.querySelector(q);
const driver = document.body.dataset.driver;
const calm = matchMedia("(prefers-reduced-motion: reduce)");

// morph makes one element like another and keeps whatever is the same, so that focus,
// open menus and half-typed numbers stay.
function morph(have, want) {
  for (const { name } of [...have.attributes]) {
    if (!want.hasAttribute(name) && name !== "open") have.removeAttribute(name);
  }
  for (const { name, value } of [...want.attributes]) {
    if (have.getAttribute(name) !== value) have.setAttribute(name, value);
  }
  let at = have.firstChild;
  for (const child of [...want.childNodes]) {
    let old = null;
    if (child.id) old = [...have.children].find((c) => c.id === child.id);
    else if (at && at.nodeType === child.nodeType && at.nodeName === child.nodeName && !at.id) old = at;
    if (!old) {
      have.insertBefore(child, at);
      continue;
    }
    if (old !== at) have.insertBefore(old, at);
    else at = at.nextSibling;
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.data !== child.data) old.data = child.data;
    } else {
      morph(old, child);
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function put(id, html) {
  const want = document.createElement("div");
  want.id = id;
  want.innerHTML = html;
  const card = document.activeElement?.closest?.("article, li, section");
  morph(document.getElementById(id), want);
  // The button that had the focus may be gone: its card is the next best place.
  if (document.activeElement === document.body && card?.isConnected) {
    (card.querySelector("button, [tabindex]") ?? card).focus();
  }
  draw();
}

let fails = 0;

async function refresh() {
  try {
    const res = await fetch("/live?driver=" + driver);
    if (!res.ok) throw new Error(res.statusText);
    put("live", await res.text());
    if (fails) say("");
    fails = 0;
  } catch {
    if (++fails === 2) say("The demo does not answer. Was it ended in its terminal?", true);
  }
}

async function loop() {
  if (!document.hidden) await refresh();
  setTimeout(loop, fails ? 2000 : 700);
}

let quiet = 0;

function say(text, stay) {
  const box = $("#said");
  clearTimeout(quiet);
  box.textContent = text;
  if (text && !stay) quiet = setTimeout(() => say(""), 9000);
}

// The visitor's presses go one after the other: an answer that overtakes another would
// show the session as it was before.
let turn = Promise.resolve();
let waiting = 0;

function press(form) {
  const { action } = form;
  const body = new URLSearchParams(new FormData(form));
  if (!form.closest("#panel")) return send(action, body, false);
  waiting++;
  turn = turn.then(() => send(action, body, true)).finally(() => waiting--);
}

async function send(action, body, panel) {
  try {
    const res = await fetch(action, { method: "POST", body, headers: { "X-Requested-With": "script" } });
    if (panel) {
      put("panel", await res.text());
    } else {
      const { ok, message } = await res.json();
      say(ok ? "" : message);
    }
  } catch {
    say("The demo does not answer. Was it ended in its terminal?");
  }
  refresh();
}

document.addEventListener("submit", (e) => {
  e.preventDefault();
  e.target.closest("details.more")?.removeAttribute("open");
  press(e.target);
});

// links

let held = {};

// track is the way from the session to a copy: along the top of the cards and down
// beside the card, or, where the session is above the cards, down the left side and
// along the top of the card's row.
function track(i, from, chip, card, cards) {
  const y = chip.top + 14 + i;
  if (from.right < cards.left) {
    const rail = cards.top - 10 - 4 * i;
    const x = card.left - 10 - 4 * i;
    const r = 7;
    if (x < from.right + r) return `M${from.right} ${rail}H${from.right + 4}`;
    return `M${from.right} ${rail}H${x - r}q${r} 0 ${r} ${r}V${y - r}q0 ${r} ${r} ${r}H${chip.left}`;
  }
  const x = cards.left - 5 - 4 * i;
  if (card.left < cards.left + 9) return `M${x} ${from.bottom}V${y - 5}q0 5 5 5H${chip.left}`;
  const rail = card.top - 4 - 3 * i;
  const beside = card.left - 4 - 3 * i;
  return `M${x} ${from.bottom}V${rail - 4}q0 4 4 4H${beside - 4}q4 0 4 4V${y - 4}q0 4 4 4H${chip.left}`;
}

function draw() {
  const svg = $("#links");
  const base = svg.parentElement.getBoundingClientRect();
  const rel = (e) => {
    const b = e.getBoundingClientRect();
    return { left: b.left - base.left, right: b.right - base.left, top: b.top - base.top, bottom: b.bottom - base.top };
  };
  const from = rel($("#you"));
  const cards = rel($(".cards"));
  const now = {};
  let i = 0;
  const want = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  want.id = "links";
  want.setAttribute("aria-hidden", "true");
  for (const chip of document.querySelectorAll(".copy")) {
    const { node, holds } = chip.dataset;
    now[node] = holds;
    const path = document.createElementNS(want.namespaceURI, "path");
    path.id = "link-" + node;
    path.setAttribute("class", holds);
    path.setAttribute("d", track(i++, from, rel(chip), rel(chip.closest(".card")), cards));
    want.append(path);
  }
  morph(svg, want);
  for (const node in now) {
    if (now[node] === "fresh" && held[node] !== "fresh" && Object.keys(held).length) travel(node);
  }
  held = now;
}

// travel shows a copy on its way to a node.
function travel(node) {
  const chip = document.getElementById("copy-" + node);
  if (calm.matches || !chip.animate) return;
  const dot = document.createElement("i");
  dot.className = "traveller";
  dot.style.offsetPath = `path("${document.getElementById("link-" + node).getAttribute("d")}")`;
  $("main").append(dot);
  dot.animate([{ offsetDistance: "0%" }, { offsetDistance: "100%" }], { duration: 650, easing: "ease-in-out" }).finished
    .finally(() => dot.remove());
  chip.animate([{ transform: "scale(1)" }, { transform: "scale(1.05)" }, { transform: "scale(1)" }], { duration: 350, delay: 600 });
}

addEventListener("resize", draw);

// keep

const keep = $("#keep");
$("#keep-label").hidden = false;
setInterval(() => {
  const form = $("#f-count");
  if (keep.checked && form && !waiting && !document.hidden) press(form);
}, 1000);

draw();
loop();
