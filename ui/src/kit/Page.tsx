import { type ReactNode, useEffect } from "react";
import { Link } from "react-router-dom";

export interface Crumb {
  label: string;
  to: string;
}

interface PageProps {
  title: string;
  /** What stands in the heading when it is more than the title's words. */
  heading?: ReactNode;
  crumbs?: Crumb[];
  /** A word above the heading where there is no way back to show. */
  kicker?: string;
  meta?: ReactNode;
  actions?: ReactNode;
  /** As wide as the window: for tables with many columns. */
  wide?: boolean;
  children: ReactNode;
}

const NONE: Crumb[] = [];

/** The frame of every page: title, the way back, a line of facts, the actions. */
export function Page({ title, heading, crumbs = NONE, kicker, meta, actions, wide = false, children }: PageProps): ReactNode {
  useEffect(() => {
    document.title = `${title} · Pitcrew`;
  }, [title]);
  return (
    <div className={wide ? "page wide" : "page"}>
      <header className="page-head">
        <div className="grow">
          {crumbs.length > 0 && (
            <nav className="crumbs" aria-label="Breadcrumb">
              {crumbs.map((crumb) => <Link key={crumb.to} to={crumb.to}>{crumb.label}</Link>)}
            </nav>
          )}
          {kicker !== undefined && <p className="crumbs">{kicker}</p>}
          <h1>{heading ?? title}</h1>
          {meta !== undefined && <div className="page-meta">{meta}</div>}
        </div>
        {actions !== undefined && <div className="page-actions">{actions}</div>}
      </header>
      {children}
    </div>
  );
}

interface PanelProps {
  title?: ReactNode;
  aside?: ReactNode;
  /** Content to the edges: tables and charts bring their own space. */
  flush?: boolean;
  className?: string;
  children: ReactNode;
}

/** A part of a page with a heading. */
export function Panel({ title, aside, flush = false, className = "", children }: PanelProps): ReactNode {
  return (
    <section className={`panel ${className}`}>
      {(title !== undefined || aside !== undefined) && (
        <header className="panel-head">
          <h2>{title}</h2>
          {aside !== undefined && <div className="panel-aside">{aside}</div>}
        </header>
      )}
      <div className={flush ? "panel-flush" : "panel-body"}>{children}</div>
    </section>
  );
}

/** Facts as label and value. Absent ones are left out rather than shown as dashes. */
export function Facts({ items, wide = false }: { items: [string, ReactNode][]; wide?: boolean }): ReactNode {
  const shown = items.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return (
    <dl className={wide ? "facts wide" : "facts"}>
      {shown.map(([label, value]) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
