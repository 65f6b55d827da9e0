import type { ReactNode } from "react";

/** Text in which the server marks literals with backticks, as its messages do. */
export function Inline({ text }: { text: string }): ReactNode {
  const parts = text.split("`");
  // An odd number of backticks is no markup.
  if (parts.length % 2 === 0) return text;
  // The parts have no other name than their place.
  // oxlint-disable-next-line react/no-array-index-key
  return parts.map((part, index) => (index % 2 === 1 ? <code key={index}>{part}</code> : part));
}
