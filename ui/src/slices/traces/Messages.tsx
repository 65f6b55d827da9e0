import { type ReactNode, useState } from "react";
import { JsonTree } from "../../kit/JsonTree";
import type { Message } from "./chat";

/** Characters of a message that are shown before one asks for all of it. */
const FIRST = 3000;

/** A conversation as it was said. Its words are text and nothing else: what a model wrote is no page of ours. */
export function Messages({ list }: { list: Message[] }): ReactNode {
  // Messages have no other name than their place.
  // oxlint-disable-next-line react/no-array-index-key
  return <ol className="messages">{list.map((each, index) => <One key={index} message={each} />)}</ol>;
}

function One({ message }: { message: Message }): ReactNode {
  const [all, setAll] = useState(false);
  const cut = !all && message.text.length > FIRST;
  return (
    <li className={`message ${message.role}`}>
      <b className="role">{message.role}</b>
      {message.text !== "" && <p>{cut ? message.text.slice(0, FIRST) : message.text}{cut && <> <button type="button" className="json-more" onClick={() => setAll(true)}>and {message.text.length - FIRST} characters more</button></>}</p>}
      {message.calls.map((call, index) => (
        // oxlint-disable-next-line react/no-array-index-key
        <div key={index} className="call"><span className="small muted">calls <code>{call.name}</code></span><JsonTree value={call.args} /></div>
      ))}
    </li>
  );
}
