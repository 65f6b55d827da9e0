import { type ReactNode, useEffect, useSyncExternalStore } from "react";
import { Button } from "./Button";

export interface ToastOffer {
  text: string;
  /** What takes it back, or the next step. */
  action?: { label: string; run: () => Promise<unknown> };
  tone?: "plain" | "bad";
}

interface Shown extends ToastOffer {
  id: number;
}

/** Long enough to read and to reach for; the page's own way of undoing it stays after that. */
const SHOWN_MS = 10_000;

let shown: Shown | null = null;
let made = 0;
const listeners = new Set<() => void>();

function set(next: Shown | null): void {
  shown = next;
  for (const each of listeners) each();
}

/** Says what happened, at the foot of the page, over whatever page comes next. */
export function toast(offer: ToastOffer): void {
  made += 1;
  set({ ...offer, id: made });
}

const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => void listeners.delete(listener);
};

/** The place where toasts appear; the frame of the application has one. */
export function Toasts(): ReactNode {
  const offer = useSyncExternalStore(subscribe, () => shown);
  useEffect(() => {
    if (offer === null) return undefined;
    const timer = setTimeout(() => set(null), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [offer]);
  const act = async () => {
    if (offer?.action === undefined) return;
    set(null);
    try {
      await offer.action.run();
    } catch (error) {
      toast({ text: error instanceof Error ? error.message : "It did not work.", tone: "bad" });
    }
  };
  return (
    <div className="toasts" role="status">
      {offer !== null && (
        <div className={`toast ${offer.tone ?? "plain"}`} key={offer.id}>
          <span>{offer.text}</span>
          {offer.action !== undefined && <Button kind="ghost" onClick={() => void act()}>{offer.action.label}</Button>}
          <Button kind="ghost" icon="close" aria-label="Dismiss" onClick={() => set(null)} />
        </div>
      )}
    </div>
  );
}
