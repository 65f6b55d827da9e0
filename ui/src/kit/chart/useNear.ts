import { type RefObject, useEffect, useRef, useState } from "react";

/** Whether an element is or was about to be seen; what it shows is asked for only then. */
export function useNear<T extends HTMLElement>(atOnce = false): [RefObject<T | null>, boolean] {
  const box = useRef<T>(null);
  const [near, setNear] = useState(atOnce);
  useEffect(() => {
    const element = box.current;
    if (element === null || atOnce) return undefined;
    const observer = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && setNear(true), { rootMargin: "15%" });
    observer.observe(element);
    return () => observer.disconnect();
  }, [atOnce]);
  return [box, near];
}
