import { useSyncExternalStore } from "react";

export type Theme = "system" | "light" | "dark";

const KEY = "pitcrew.theme";
const listeners = new Set<() => void>();

/** The theme that was chosen by hand; `public/theme.js` sets it before the first paint. */
export function readTheme(): Theme {
  const chosen = document.documentElement.dataset["theme"];
  return chosen === "light" || chosen === "dark" ? chosen : "system";
}

export function writeTheme(theme: Theme): void {
  if (theme === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
  try {
    if (theme === "system") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, theme);
  } catch {
    // Without storage the choice lasts for this page.
  }
  for (const each of listeners) each();
}

const ORDER: Theme[] = ["system", "light", "dark"];
export const nextTheme = (theme: Theme): Theme => ORDER[(ORDER.indexOf(theme) + 1) % ORDER.length] ?? "system";

const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => void listeners.delete(listener);
};

export const useTheme = (): Theme => useSyncExternalStore(subscribe, readTheme);

/** Whether the page is dark now: charts drawn on a canvas need to know. */
export function useIsDark(): boolean {
  const theme = useTheme();
  const system = useSyncExternalStore(subscribeSystem, () => matchMedia("(prefers-color-scheme: dark)").matches);
  return theme === "dark" || (theme === "system" && system);
}

function subscribeSystem(listener: () => void): () => void {
  const query = matchMedia("(prefers-color-scheme: dark)");
  query.addEventListener("change", listener);
  return () => query.removeEventListener("change", listener);
}
