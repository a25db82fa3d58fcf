{
  const toc = document.querySelector(".toc");
  const wide = matchMedia("(min-width: 64rem)");
  const fit = () => { toc.open = wide.matches; };
  fit();
  wide.addEventListener("change", fit);
  toc.addEventListener("click", event => { if (event.target.closest("a")) fit(); });
}
