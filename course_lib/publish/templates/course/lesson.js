"use strict";

// A prediction: say whether the chosen option is right, and unfold the answer.
for (const box of document.querySelectorAll(".predict")) {
  const { right, answer } = box.dataset;
  const verdict = box.querySelector(".verdict");
  box.addEventListener("click", event => {
    const chosen = event.target.closest("button");
    if (!chosen) return;
    for (const button of box.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", button === chosen);
      button.classList.toggle("right", button.dataset.option === right);
      button.classList.toggle("wrong", button === chosen && chosen.dataset.option !== right);
    }
    const said = chosen.dataset.option === right ? `Yes, (${right}).` : `No, not (${chosen.dataset.option}) but (${right}).`;
    verdict.innerHTML = `${said} <a href="#${answer}">Why: see below</a>`;
    document.querySelector(`#${answer} details`).open = true;
  });
}

// A picture that was made smaller to fit: show it in its own size, to be scrolled.
for (const figure of document.querySelectorAll("figure")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "zoom";
  button.textContent = "Enlarge";
  button.addEventListener("click", () => {
    button.textContent = figure.classList.toggle("large") ? "Fit" : "Enlarge";
  });
  figure.append(button);
}

// Mark in the contents where the reader is.
{
  const links = new Map([...document.querySelectorAll(".toc a")].map(link => [link.hash.slice(1), link]));
  const sections = [...links.keys()].map(id => document.getElementById(id));
  const mark = () => {
    const here = sections.findLast(section => section.getBoundingClientRect().top < innerHeight / 3);
    for (const [id, link] of links) link.setAttribute("aria-current", id === here?.id);
  };
  addEventListener("scroll", mark, { passive: true });
  mark();
}
