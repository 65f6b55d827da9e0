import { Fragment, type ReactNode } from "react";
import { type Block, type Inline, parseMarkdown } from "./parseMarkdown";

/** Markdown drawn with our own elements. Nothing of it is handed to the browser as HTML. */
export function Markdown({ text }: { text: string }): ReactNode {
  // Parts of a text have no other name than their place.
  // oxlint-disable-next-line react/no-array-index-key
  return <div className="markdown">{parseMarkdown(text).map((block, index) => <Part key={index} block={block} />)}</div>;
}

function Part({ block }: { block: Block }): ReactNode {
  switch (block.is) {
    // The page has its own headings above; those of a file come below them.
    case "heading": return block.level <= 2 ? <h3><Words of={block.inner} /></h3> : <h4><Words of={block.inner} /></h4>;
    case "paragraph": return <p><Words of={block.inner} /></p>;
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    case "code": return <pre tabIndex={0}>{block.text}</pre>;
    case "quote": return <blockquote><Words of={block.inner} /></blockquote>;
    case "rule": return <hr />;
    case "list": {
      const List = block.ordered ? "ol" : "ul";
      // oxlint-disable-next-line react/no-array-index-key
      return <List className="bullets">{block.items.map((item, index) => <li key={index} style={{ marginLeft: item.depth * 16 }}><Words of={item.inner} /></li>)}</List>;
    }
    case "table": return (
      // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
      <div className="table-box" role="region" aria-label="Table" tabIndex={0}>
        <table>
          {/* oxlint-disable-next-line react/no-array-index-key */}
          <thead><tr>{block.head.map((cell, index) => <th key={index} scope="col"><Words of={cell} /></th>)}</tr></thead>
          {/* oxlint-disable-next-line react/no-array-index-key */}
          <tbody>{block.rows.map((row, index) => <tr key={index}>{row.map((cell, place) => <td key={place}><Words of={cell} /></td>)}</tr>)}</tbody>
        </table>
      </div>
    );
  }
}

function Words({ of }: { of: Inline[] }): ReactNode {
  // oxlint-disable-next-line react/no-array-index-key
  return of.map((each, index) => <Fragment key={index}><Word of={each} /></Fragment>);
}

function Word({ of }: { of: Inline }): ReactNode {
  switch (of.is) {
    case "text": return of.text;
    case "code": return <code>{of.text}</code>;
    case "strong": return <strong><Words of={of.inner} /></strong>;
    case "em": return <em><Words of={of.inner} /></em>;
    case "del": return <del><Words of={of.inner} /></del>;
    case "link": return <a className="link" href={of.to} title={of.to} target="_blank" rel="noopener noreferrer nofollow"><Words of={of.inner} /></a>;
  }
}
