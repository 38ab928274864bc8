// Zoom and scroll, by mouse, fingers and keys.

"use strict";

class Movement {
  constructor(view) {
    this.view = view;
    this.network = find("#network");
    this.zoom = 1;
  }

  start() {
    find("#zoom-in").addEventListener("click", () => this.zoomTo(this.zoom * 1.25));
    find("#zoom-out").addEventListener("click", () => this.zoomTo(this.zoom / 1.25));
    find("#zoom-fit").addEventListener("click", () => this.fit());
    addEventListener("resize", () => this.view.drawLines());
    this.network.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.network.addEventListener("touchstart", (event) => this.pinch(event), { passive: true });
    this.network.addEventListener("touchmove", (event) => this.pinch(event), { passive: false });
    this.network.addEventListener("pointerdown", (event) => this.drag(event));
    document.addEventListener("keydown", (event) => this.key(event));
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "+" || event.key === "=") this.zoomTo(this.zoom * 1.25);
    else if (event.key === "-" || event.key === "−") this.zoomTo(this.zoom / 1.25);
    else if (event.key === "0") this.fit();
    else if (event.key === "Escape") this.view.clear();
    else return;
    event.preventDefault();
  }

  // Ctrl and wheel, which is also what two fingers on a trackpad send, zooms around the pointer.
  wheel(event) {
    if (!event.ctrlKey) return;
    event.preventDefault();
    this.zoomTo(this.zoom * Math.exp(-event.deltaY / 300), event.clientX, event.clientY);
  }

  pinch(event) {
    if (event.touches.length !== 2) {
      this.spread = null;
      return;
    }
    const [a, b] = event.touches;
    const spread = Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
    if (this.spread && event.cancelable) {
      event.preventDefault();
      this.zoomTo((this.zoom * spread) / this.spread, (a.clientX + b.clientX) / 2, (a.clientY + b.clientY) / 2);
    }
    this.spread = spread;
  }

  // A mouse that holds the paper between the pictures moves it.
  drag(event) {
    if (event.pointerType !== "mouse" || event.button || event.target.closest("canvas, button, svg .point, table"))
      return;
    const start = [event.clientX + this.network.scrollLeft, event.clientY + this.network.scrollTop];
    const move = (to) => {
      this.network.scrollLeft = start[0] - to.clientX;
      this.network.scrollTop = start[1] - to.clientY;
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", () => removeEventListener("pointermove", move), { once: true });
  }

  zoomTo(zoom, x, y) {
    const box = this.network.getBoundingClientRect();
    const [left, top] = [(x ?? box.left + box.width / 2) - box.left, (y ?? box.top + box.height / 3) - box.top];
    const now = Math.min(Math.max(zoom, 0.25), 12);
    const factor = now / this.zoom;
    this.zoom = now;
    find("#strip").style.setProperty("--zoom", now);
    this.network.scrollLeft = (this.network.scrollLeft + left) * factor - left;
    this.network.scrollTop = (this.network.scrollTop + top) * factor - top;
    this.view.drawLines();
  }

  // Both bands fit into the height of the window.
  fit() {
    const strip = find("#strip");
    strip.style.setProperty("--zoom", 1);
    this.zoom = 1;
    const fixed = strip.scrollHeight - 2 * BAND;
    const { clientHeight, clientWidth } = this.network;
    const most = Math.min(1.6, (0.75 * clientWidth) / BAND);
    this.zoomTo(Math.min(Math.max((clientHeight - fixed - 8) / (2 * BAND), 0.45), most));
  }
}
