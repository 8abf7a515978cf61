// audit returns what is wrong with how the page looks now, as sentences: text that is
// clipped, covered, too small or too pale, controls without a name, a page that is
// wider than the screen. smallest is the least size of text, in pixels.
function audit(smallest) {
  const bad = [];
  const name = (e) => {
    const box = e.closest("[id]");
    return `${e.localName}${e.className && typeof e.className === "string" ? "." + e.className.replaceAll(" ", ".") : ""} in #${box ? box.id : "?"}`;
  };

  const over = document.documentElement.scrollWidth - innerWidth;
  if (over > 0) bad.push(`the page is ${over} px too wide`);

  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  for (const id of new Set(ids.filter((id, i) => ids.indexOf(id) !== i))) bad.push(`two elements are called ${id}`);

  // A canvas knows every way to write a colour.
  const pixel = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const known = new Map();
  const rgba = (colour) => {
    if (!known.has(colour)) {
      pixel.clearRect(0, 0, 1, 1);
      pixel.fillStyle = colour;
      pixel.fillRect(0, 0, 1, 1);
      known.set(colour, [...pixel.getImageData(0, 0, 1, 1).data].map((v, i) => (i < 3 ? v : v / 255)));
    }
    return known.get(colour);
  };
  const mix = (above, below, alpha) => [0, 1, 2].map((i) => above[i] * alpha + below[i] * (1 - alpha));
  const ground = (e) => {
    if (!e) return document.documentElement.matches(":root") && matchMedia("(prefers-color-scheme: dark)").matches ? [0, 0, 0] : [255, 255, 255];
    const c = rgba(getComputedStyle(e).backgroundColor);
    return c[3] === 1 ? c : mix(c, ground(e.parentElement), c[3]);
  };
  const light = (c) => {
    const [r, g, b] = c.slice(0, 3).map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);

  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let t = walker.nextNode(); t; t = walker.nextNode()) {
    const e = t.parentElement;
    if (!t.data.trim() || e.closest(".hide, .skip, .sprite, script, option, title, #said") || !e.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    if (e.closest("thead") && getComputedStyle(e.closest("thead")).position === "absolute") continue; // for screen readers only
    const range = document.createRange();
    range.selectNodeContents(t);
    const scroller = e.closest("[role=log]");
    const window = scroller ? scroller.getBoundingClientRect() : { top: -1e9, bottom: 1e9 };
    const boxes = [...range.getClientRects()].filter((b) => b.width > 1 && b.top >= window.top - 1 && b.bottom <= window.bottom + 1);
    if (!boxes.length) continue;

    const style = getComputedStyle(e);
    const inSVG = e.namespaceURI.endsWith("svg");
    const size = parseFloat(style.fontSize) * (inSVG ? e.getScreenCTM().a : e.currentCSSZoom ?? 1);
    const text = t.data.trim().slice(0, 30);
    if (size < smallest) bad.push(`"${text}" (${name(e)}) is ${size.toFixed(1)} px high`);
    let opacity = 1;
    for (let a = e; a; a = a.parentElement) opacity *= getComputedStyle(a).opacity;
    const back = ground(e);
    const ink = rgba(inSVG ? style.fill : style.color);
    const ratio = contrast(mix(ink, back, ink[3] * opacity), back);
    const large = size >= 24 || size >= 18.66 && style.fontWeight >= 700;
    if (ratio < (large ? 3 : 4.5)) bad.push(`"${text}" (${name(e)}) has a contrast of ${ratio.toFixed(2)}`);
    for (const b of boxes) {
      if (b.left < -1 || b.right > innerWidth + 1) bad.push(`"${text}" (${name(e)}) leaves the screen`);
      texts.push({ e, text, b });
    }
  }
  for (const [i, one] of texts.entries()) {
    for (const other of texts.slice(i + 1)) {
      const wide = Math.min(one.b.right, other.b.right) - Math.max(one.b.left, other.b.left);
      const high = Math.min(one.b.bottom, other.b.bottom) - Math.max(one.b.top, other.b.top);
      // Boxes of lines are higher than their letters: a third of a line may overlap.
      if (one.e !== other.e && wide > 2 && high > Math.min(one.b.height, other.b.height) / 3) {
        bad.push(`"${one.text}" and "${other.text}" (${name(other.e)}) lie on each other`);
      }
    }
  }

  for (const e of document.querySelectorAll("body *")) {
    const style = getComputedStyle(e);
    if (!e.checkVisibility() || e.closest(".hide, .skip") || e.matches("[role=log], thead, thead *")) continue;
    if (style.overflowX !== "visible" && e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 1) bad.push(`${name(e)} is clipped`);
    // What a box holds must be in it.
    const box = e.parentElement.getBoundingClientRect();
    const own = e.getBoundingClientRect();
    if (e.matches("button, select, input, .label, .tag, .copy, .slot > *, .from, .from > *") && (own.right > box.right + 1 || own.left < box.left - 1)) bad.push(`${name(e)} sticks out`);
    if (e.matches("a, button, input, select, summary, [tabindex='0']")) {
      const label = e.getAttribute("aria-label") || e.innerText?.trim() || [...(e.labels ?? [])].map((l) => l.innerText).join("").trim() ||
        document.getElementById(e.getAttribute("aria-labelledby"))?.innerText;
      if (!label && e.type !== "hidden") bad.push(`${name(e)} has no name`);
      const inText = e.localName === "a" && getComputedStyle(e).display === "inline";
      if (!inText && e.type !== "hidden" && (own.width < 24 || own.height < 24) && !(e.labels?.length && e.labels[0].getBoundingClientRect().height >= 24)) {
        bad.push(`${name(e)} is ${own.width.toFixed(0)} by ${own.height.toFixed(0)} px, hard to hit`);
      }
    }
  }
  return [...new Set(bad)];
}
