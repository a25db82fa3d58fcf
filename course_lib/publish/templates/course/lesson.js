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

// A term's meaning stays in the window. Where it is touched, the first time shows it, the second follows the link.
for (const term of document.querySelectorAll(".term")) {
  let shown = false;
  term.addEventListener("focus", () => {
    const [line] = term.getClientRects(), { width } = getComputedStyle(term, "::after");
    term.style.setProperty("--shift", `${Math.min(0, document.documentElement.clientWidth - 16 - line.left - parseFloat(width))}px`);
  });
  term.addEventListener("blur", () => { shown = false; });
  term.addEventListener("click", event => {
    if (event.pointerType !== "touch" || shown) return;
    event.preventDefault();
    term.focus();
    shown = true;
  });
}

// Mark in the contents where the reader is.
{
  const links = new Map([...document.querySelectorAll(".toc a")].map(link => [link.hash.slice(1), link]));
  const sections = [...links.keys()].map(id => document.getElementById(id));
  const top = section => section.getBoundingClientRect().top;
  // At its end the page scrolls no further: there the last section is read, or the one that a link led to.
  const last = () => sections.find(section => `#${section.id}` === location.hash && top(section) > -1) ?? sections.at(-1);
  const mark = () => {
    const atEnd = scrollY + innerHeight > document.documentElement.scrollHeight - 2;
    const here = atEnd ? last() : sections.findLast(section => top(section) < innerHeight / 3);
    for (const [id, link] of links) link.setAttribute("aria-current", id === here?.id);
  };
  addEventListener("scroll", mark, { passive: true });
  addEventListener("hashchange", mark);
  mark();
}
