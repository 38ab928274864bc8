// The slider over the epochs of a run: the pictures show the network as it was then.

"use strict";

const PAUSE = 700; // milliseconds for each epoch when they run by

class EpochBar {
  constructor(view) {
    this.view = view;
    this.epochs = view.step.facts.epochs;
    this.index = null; // of the epoch that is shown; null: the traced step
    if (!this.epochs.length) return;
    this.range = find("#time-range");
    this.said = find("#time-said");
    this.range.max = this.range.value = this.epochs.length - 1;
    // A click on where it stands asks for that epoch, too.
    for (const event of ["input", "click"])
      this.range.addEventListener(event, () => this.show(Number(this.range.value)));
    find("#time-back").addEventListener("click", () => this.show(null));
    find("#time-run").addEventListener("click", () => this.run(0));
    this.said.textContent =
      this.epochs.length > 1
        ? `${this.epochs.length} epochs kept; slide to see them`
        : "1 epoch kept; press ▶ to see it";
    find("#time").hidden = false;
  }

  run(index) {
    clearTimeout(this.running);
    this.show(index);
    if (index + 1 < this.epochs.length) this.running = setTimeout(() => this.run(index + 1), PAUSE);
  }

  show(index) {
    if (index === this.index) return;
    if (index === null) clearTimeout(this.running);
    else if (!this.epochs[index])
      throw new Error(`epoch: got ${index}, expected 0 to ${this.epochs.length - 1} or null`);
    this.index = index;
    find("#time-back").hidden = index === null;
    if (index !== null) this.range.value = index;
    this.said.textContent = index === null ? "the traced step" : this.text(this.epochs[index]);
    this.view.showMoment(this.moment());
  }

  // Whose outputs are to be shown.
  moment() {
    const { step } = this.view;
    if (this.index === null) return step;
    return step.remember(`epoch ${this.index}`, () => new EpochMoment(step, this.epochs[this.index]));
  }

  text({ epoch, loss, score }) {
    return [`epoch ${epoch}`, loss === null ? "" : `loss ${shownNumber(loss, 4)}`, score].filter(Boolean).join(" · ");
  }
}
