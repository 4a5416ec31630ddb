// Before the first paint, so that nobody sees the other theme flash by.
try {
  const chosen = localStorage.getItem("keepwarm.theme");
  if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
} catch {
  // Storage is forbidden here: the system's preference holds.
}
