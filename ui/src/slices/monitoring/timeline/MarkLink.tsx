import type { FocusEventHandler, PointerEventHandler, ReactNode } from "react";
import { useHref, useLinkClickHandler } from "react-router-dom";
import { pathOf } from "../../../kit/links";
import type { Mark } from "./model";

interface MarkLinkProps {
  mark: Mark;
  className: string;
  /** For assistive technology; without it the link is a second way for the pointer only, since the lanes hold every mark. */
  label?: string;
  order?: number;
  holds?: number;
  onPointerEnter: PointerEventHandler;
  onPointerLeave: PointerEventHandler;
  onFocus?: FocusEventHandler;
  onBlur?: FocusEventHandler;
  children: ReactNode;
}

/** A part of the drawing that leads to what an annotation is about. */
export function MarkLink({ mark, className, label, order, holds, children, ...events }: MarkLinkProps): ReactNode {
  const path = mark.link === null ? null : pathOf(mark.link.kind, mark.link.id);
  const href = useHref(path ?? "");
  const follow = useLinkClickHandler<SVGAElement>(path ?? "");
  return (
    <a href={path === null ? undefined : href} className={`${className} ${mark.severity}`} aria-label={label} aria-hidden={label === undefined ? true : undefined}
      tabIndex={label === undefined ? -1 : 0} role={path === null ? "img" : undefined} data-kind={mark.kind} data-mark-order={order} data-holds={holds}
      onClick={path === null ? undefined : (event) => follow(event as never)} {...events}>
      {children}
    </a>
  );
}
