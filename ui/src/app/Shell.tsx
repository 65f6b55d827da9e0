import { useQuery } from "@tanstack/react-query";
import { type ReactNode, Suspense, lazy, useCallback, useEffect, useState } from "react";
import { Link, Outlet, ScrollRestoration, useLocation, useNavigate } from "react-router-dom";
import { isUnauthenticated } from "../api/problem";
import { Button } from "../kit/Button";
import { Skeleton } from "../kit/Feedback";
import { Icon, Mark } from "../kit/Icon";
import { stepRow } from "../kit/Table";
import { Toasts } from "../kit/Toast";
import { useLiveState } from "../live/LiveProvider";
import { HelpDialog } from "./HelpDialog";
import { type KeyAction, useKeys } from "./keys";
import { NAV, type NavItem, isIn } from "./nav";
import { status } from "./queries";
import { SignIn } from "./SignIn";
import { nextTheme, readTheme, useTheme, writeTheme } from "./theme";

const loadPalette = () => import("./Palette");
const Palette = lazy(loadPalette);
/** The palette is fetched when the page has had its turn, so that the first letters typed into it find it there. */
const PALETTE_AFTER_MS = 1500;

/** The frame of the application: places on the left, one page on the right, the palette and the keys over both. */
export function Shell(): ReactNode {
  const [palette, setPalette] = useState(false);
  const [help, setHelp] = useState(false);
  const [drawer, setDrawer] = useState(false);
  const navigate = useNavigate();
  const { pathname } = useLocation();
  const server = useQuery(status());

  const act = useCallback((action: KeyAction) => {
    if (action.do === "go") void navigate(action.to);
    else if (action.do === "palette") setPalette((open) => !open);
    else if (action.do === "help") setHelp(true);
    else if (action.do === "theme") writeTheme(nextTheme(readTheme()));
    else stepRow(action.by);
  }, [navigate]);
  useKeys(act);
  useEffect(() => {
    const timer = setTimeout(() => void loadPalette(), PALETTE_AFTER_MS);
    return () => clearTimeout(timer);
  }, []);
  useEffect(() => {
    if (!drawer) return undefined;
    const close = (event: KeyboardEvent) => event.key === "Escape" && setDrawer(false);
    document.addEventListener("keydown", close);
    return () => document.removeEventListener("keydown", close);
  }, [drawer]);

  if (isUnauthenticated(server.error)) return <SignIn />;
  return (
    <div className={drawer ? "shell drawer-open" : "shell"}>
      <a className="skip" href="#main">Skip to content</a>
      <header className="topbar">
        <Button kind="ghost" icon="menu" aria-label="Open the menu" aria-expanded={drawer} onClick={() => setDrawer(true)} />
        <Link to="/" className="brand"><Mark size={20} />Pitcrew</Link>
        <LiveMark short />
        <Button kind="ghost" icon="search" aria-label="Search" onClick={() => setPalette(true)} />
      </header>
      {drawer && <button type="button" className="scrim" aria-label="Close the menu" onClick={() => setDrawer(false)} />}
      <Sidebar onLeave={() => setDrawer(false)} pathname={pathname} onSearch={() => { setPalette(true); setDrawer(false); }} onHelp={() => setHelp(true)} version={server.data?.version} />
      <main id="main" tabIndex={-1}>
        <Suspense fallback={<div className="page"><Skeleton lines={1} /><Skeleton height={320} /></div>}><Outlet /></Suspense>
      </main>
      <ScrollRestoration />
      <Toasts />
      {palette && <Suspense fallback={null}><Palette onClose={() => setPalette(false)} /></Suspense>}
      {help && <HelpDialog onClose={() => setHelp(false)} />}
    </div>
  );
}

interface SidebarProps {
  pathname: string;
  version: string | undefined;
  onSearch: () => void;
  /** A place was chosen: on a phone the drawer closes. */
  onLeave: () => void;
  onHelp: () => void;
}

function Sidebar({ pathname, version, onSearch, onHelp, onLeave }: SidebarProps): ReactNode {
  const theme = useTheme();
  return (
    <aside className="side">
      <Link to="/" className="brand"><Mark />Pitcrew</Link>
      <button type="button" className="search-button" onClick={onSearch}>
        <Icon name="search" size={14} /><span className="grow">Search</span><kbd>Ctrl K</kbd>
      </button>
      <nav aria-label="Places">
        {NAV.map((group) => (
          <ul key={group[0]?.to}>{group.map((item) => <Place key={item.to} item={item} here={isIn(item, pathname)} onGo={onLeave} />)}</ul>
        ))}
      </nav>
      <footer className="side-foot">
        <LiveMark />
        <span className="row tight">
          <Button kind="ghost" icon={theme === "dark" ? "moon" : theme === "light" ? "sun" : "system"}
            aria-label={`Theme: ${theme}. Change to ${nextTheme(theme)}`} title={`Theme: ${theme} (t)`} onClick={() => writeTheme(nextTheme(theme))} />
          <Button kind="ghost" icon="help" aria-label="Keyboard help" title="Keyboard help (?)" onClick={onHelp} />
          {version !== undefined && <span className="faint small">{version}</span>}
        </span>
      </footer>
    </aside>
  );
}

function Place({ item, here, onGo }: { item: NavItem; here: boolean; onGo: () => void }): ReactNode {
  return (
    <li>
      <Link to={item.to} onClick={onGo} className={here ? "place here" : "place"} aria-current={here ? "page" : undefined} title={`${item.label} (g ${item.key})`}>
        <Icon name={item.icon} /><span className="grow">{item.label}</span><kbd aria-hidden="true">g {item.key}</kbd>
      </Link>
    </li>
  );
}

/** Whether this page moves by itself. */
function LiveMark({ short = false }: { short?: boolean }): ReactNode {
  const state = useLiveState();
  const open = state === "open";
  const words = open ? "Live" : state === "waiting" ? (short ? "Offline" : "Reconnecting") : "Connecting";
  return (
    <span className={open ? "live on" : "live"} role="status" title={open ? "Connected: this page updates by itself" : "Waiting for the server's event stream"}>
      <i aria-hidden="true" />{words}
    </span>
  );
}
