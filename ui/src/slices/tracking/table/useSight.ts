import { type RefObject, useCallback, useLayoutEffect, useRef, useState } from "react";

export interface Sight {
  top: number;
  left: number;
  width: number;
  height: number;
}

/** Which part of a scrolling box is in sight, once a frame at most. */
export function useSight<T extends HTMLElement>(): [RefObject<T | null>, Sight, () => void] {
  const box = useRef<T>(null);
  const frame = useRef(0);
  const [sight, setSight] = useState<Sight>({ top: 0, left: 0, width: 0, height: 0 });
  const read = useCallback(() => {
    frame.current = 0;
    const element = box.current;
    if (element === null) return;
    const next = { top: element.scrollTop, left: element.scrollLeft, width: element.clientWidth, height: element.clientHeight };
    setSight((old) => (old.top === next.top && old.left === next.left && old.width === next.width && old.height === next.height ? old : next));
  }, []);
  const onScroll = useCallback(() => {
    if (frame.current === 0) frame.current = requestAnimationFrame(read);
  }, [read]);
  useLayoutEffect(() => {
    read();
    const element = box.current;
    if (element === null) return undefined;
    const observer = new ResizeObserver(read);
    observer.observe(element);
    return () => {
      observer.disconnect();
      cancelAnimationFrame(frame.current);
      frame.current = 0;
    };
  }, [read]);
  return [box, sight, onScroll];
}
