import type { ReactNode } from "react";
import { Link } from "react-router-dom";
import type { Event } from "../../api/activity";
import { CauseText } from "../../kit/Cause";
import { Icon } from "../../kit/Icon";
import { Ago } from "../../kit/Time";
import { lookOf, pathOfEvent } from "./feedLook";
import "./feed.css";

/** Events, newest first. Each leads to what it is about and names what caused it. */
export function Feed({ events, names = false }: { events: Event[]; names?: boolean }): ReactNode {
  return <ol className={names ? "feed full" : "feed"}>{events.map((event) => <Item key={event.seq} event={event} names={names} />)}</ol>;
}

function Item({ event, names }: { event: Event; names: boolean }): ReactNode {
  const look = lookOf(event.name);
  const path = pathOfEvent(event);
  return (
    <li>
      <span className={`feed-icon ${look.tone}`}><Icon name={look.icon} size={13} /></span>
      <div className="grow">
        <p className="feed-words">{path === null ? event.summary : <Link to={path} data-row-link="">{event.summary}</Link>}</p>
        <p className="feed-foot">
          <Ago at={event.at} />
          {names && <code className="hide-phone">{event.name}</code>}
          {names && <span className="hide-phone">{event.actor}</span>}
          {event.cause !== null && event.cause !== undefined && event.cause.kind !== "user" && <span className="feed-cause truncate">because of <CauseText cause={event.cause} /></span>}
        </p>
      </div>
    </li>
  );
}
