import { useEffect } from "react";
import { PLACES } from "./nav";

/** How long `g` waits for its second key. */
export const SEQUENCE_MS = 1200;

export type KeyAction =
  | { do: "go"; to: string }
  | { do: "palette" }
  | { do: "help" }
  | { do: "theme" }
  | { do: "row"; by: 1 | -1 };

export interface KeyInput {
  key: string;
  ctrl: boolean;
  alt: boolean;
  typing: boolean;
  at: number;
}

/** Turns key presses into actions; it remembers only whether a `g` came just before. */
export function keyReader(): (input: KeyInput) => KeyAction | null {
  let wentAt = Number.NEGATIVE_INFINITY;
  return ({ key, ctrl, alt, typing, at }) => {
    if (ctrl && !alt && key.toLowerCase() === "k") return { do: "palette" };
    if (typing || ctrl || alt) return null;
    const second = at - wentAt <= SEQUENCE_MS;
    wentAt = Number.NEGATIVE_INFINITY;
    if (second) {
      const place = PLACES.find((each) => each.key === key);
      if (place !== undefined) return { do: "go", to: place.to };
    }
    if (key === "g") {
      wentAt = at;
      return null;
    }
    if (key === "/") return { do: "palette" };
    if (key === "?") return { do: "help" };
    if (key === "t") return { do: "theme" };
    if (key === "j") return { do: "row", by: 1 };
    if (key === "k") return { do: "row", by: -1 };
    return null;
  };
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName);
}

/** Listens for the application's keys. An open dialog keeps its keys to itself, but for the palette's own. */
export function useKeys(act: (action: KeyAction) => void): void {
  useEffect(() => {
    const read = keyReader();
    const listen = (event: KeyboardEvent) => {
      if (event.defaultPrevented) return;
      const inDialog = document.querySelector("dialog[open]") !== null;
      const action = read({
        key: event.key,
        ctrl: event.ctrlKey || event.metaKey,
        alt: event.altKey,
        typing: isTyping(event.target) || inDialog,
        at: event.timeStamp,
      });
      if (action === null || (inDialog && action.do !== "palette")) return;
      event.preventDefault();
      act(action);
    };
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  }, [act]);
}
