import { type RefObject, useCallback, useEffect, useRef, useState } from "react";

/** Rows drawn beyond the edges, so that a quick scroll does not show a gap. */
const OVERSCAN = 12;

interface Virtual {
  box: RefObject<HTMLDivElement | null>;
  first: number;
  last: number;
  onScroll: () => void;
  /** Brings a row into view with as little movement as possible. */
  show: (index: number) => void;
  /** Rows that fit into the box. */
  fits: number;
}

/** The part of many rows of one height that is in view; the rest is empty space. `head` is the height of a head that stays on top. */
export function useVirtual(count: number, height: number, head = 0): Virtual {
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [room, setRoom] = useState(600);
  useEffect(() => {
    const element = box.current;
    if (element === null || typeof ResizeObserver === "undefined") return undefined;
    const observer = new ResizeObserver(() => setRoom(element.clientHeight));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const onScroll = useCallback(() => setTop(box.current?.scrollTop ?? 0), []);
  const show = useCallback((index: number) => {
    const element = box.current;
    if (element === null || index < 0) return;
    const from = index * height;
    const view = element.clientHeight - head;
    if (from < element.scrollTop) element.scrollTop = from;
    else if (from + height > element.scrollTop + view) element.scrollTop = from + height - view;
  }, [height, head]);
  const fits = Math.max(1, Math.floor((room - head) / height));
  const first = Math.max(0, Math.min(Math.floor(top / height) - OVERSCAN, count - 1));
  return { box, first, last: Math.min(count, Math.floor(top / height) + fits + OVERSCAN + 1), onScroll, show, fits };
}
