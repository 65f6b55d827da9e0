import { type RefObject, useEffect, useLayoutEffect, useRef } from "react";

interface GridKeys {
  box: RefObject<HTMLDivElement | null>;
  active: number;
  count: number;
  onGo: (index: number) => void;
  onPick: (index: number, range: boolean) => void;
}

const typing = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || ["TEXTAREA", "SELECT"].includes(target.tagName) || (target instanceof HTMLInputElement && target.type !== "checkbox"));

/** `j` and `k` walk over the rows, `x` picks one, with shift all from the last one picked; Home and End go to the ends. */
export function useGridKeys({ box, active, count, onGo, onPick }: GridKeys): void {
  const wants = useRef(false);
  const now = useRef({ active, count, onGo, onPick });
  useEffect(() => {
    now.current = { active, count, onGo, onPick };
  });
  // The row may be drawn only after the grid has scrolled to it.
  useLayoutEffect(() => {
    if (!wants.current) return;
    const link = box.current?.querySelector<HTMLElement>("[data-active] [data-row-link]");
    if (link === null || link === undefined) return;
    wants.current = false;
    link.focus({ preventScroll: true });
  });
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      const { active: at, count: all } = now.current;
      if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || document.querySelector("dialog[open]") !== null || all === 0) return;
      const inside = box.current?.contains(event.target as Node) ?? false;
      const go = (index: number) => {
        event.preventDefault();
        event.stopPropagation();
        wants.current = true;
        now.current.onGo(Math.min(all - 1, Math.max(0, index)));
      };
      if (event.key === "j" || (inside && event.key === "ArrowDown")) go(at + 1);
      else if (event.key === "k" || (inside && event.key === "ArrowUp")) go(at < 0 ? 0 : at - 1);
      else if (inside && event.key === "Home") go(0);
      else if (inside && event.key === "End") go(all - 1);
      else if (event.key.toLowerCase() === "x" && at >= 0) {
        event.preventDefault();
        now.current.onPick(at, event.shiftKey);
      }
    };
    // Before the application's own keys, which walk over what is on the page and know nothing of rows that are not.
    document.addEventListener("keydown", listen, true);
    return () => document.removeEventListener("keydown", listen, true);
  }, [box]);
}
