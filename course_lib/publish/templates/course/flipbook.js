"use strict";

async function unpack(packed) {
  const bytes = Uint8Array.from(atob(packed), letter => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
}

// Show something in a place; what was unfolded there stays so.
function fill(place, form) {
  const open = place.querySelector("details")?.open;
  place.innerHTML = place.form = form;
  if (open) place.querySelector("details").open = true;
}

// A flipbook: its sliders say which of the pages that were drawn ahead is open.
for (const book of document.querySelectorAll(".flipbook")) {
  const sliders = [...book.querySelectorAll("[type=range]")], places = [...book.querySelectorAll("[data-part]")];
  const picture = book.querySelector("svg"), caption = book.querySelector("figcaption");
  let parts;
  const turn = async () => {
    for (const slider of sliders) {
      slider.nextElementSibling.value = slider.ariaValueText = JSON.parse(slider.dataset.words)[slider.value];
    }
    parts ??= unpack(book.querySelector("script").textContent);
    const unpacked = await parts;
    const page = sliders.reduce((before, slider) => before * (Number(slider.max) + 1) + Number(slider.value), 0);
    places.forEach((place, number) => {
      const { forms, pages } = unpacked[number], form = forms[pages[page]];
      if (place.form !== form) fill(place, form);
    });
    picture.ariaLabel = caption.textContent;
  };
  for (const slider of sliders) {
    slider.addEventListener("input", turn);
    // on a slide the keys go on to the next one again
    slider.addEventListener("keydown", event => {
      if (event.key === "Escape") { slider.blur(); event.stopPropagation(); }
    });
  }
  const button = book.querySelector(".play"), played = sliders.at(-1);
  let clock;
  const rest = () => { clock = clearInterval(clock); button.textContent = "Play"; };
  const step = () => {
    if (played.value === played.max) return rest();
    played.stepUp();
    turn();
  };
  button?.addEventListener("click", () => {
    if (clock) return rest();
    if (played.value === played.max) played.value = 0;
    turn();
    clock = setInterval(step, 300);
    button.textContent = "Pause";
  });
}

// Find the bug: how many guesses are right, and what speaks against the others.
for (const box of document.querySelectorAll(".guesses")) {
  const [selects, verdict] = [[...box.querySelectorAll("select")], box.querySelector("[role=status]")];
  box.querySelector("button").addEventListener("click", () => {
    const chosen = selects.map(select => select.selectedOptions[0]);
    const right = chosen.filter(option => "right" in option.dataset).length;
    const hints = chosen.map(option => option.dataset.hint).filter(Boolean);
    verdict.replaceChildren(...[`${right} of ${selects.length} are right.`, ...hints].map(line => {
      const paragraph = document.createElement("p");
      paragraph.textContent = line;
      return paragraph;
    }));
  });
}
