import type { ReactNode } from "react";
import type { Column, ColumnProfile } from "../../api/data";
import { Histogram, TopValues } from "../../kit/chart/Small";
import { count, metric, percent } from "../../kit/format";
import { Tag } from "../../kit/State";
import "./data.css";

interface ProfileProps {
  schema: Column[];
  profile: ColumnProfile[];
  rows: number;
}

/** Each column with its shape and its numbers: the schema and the profile are read together. */
export function Profile({ schema, profile, rows }: ProfileProps): ReactNode {
  const byName = new Map(profile.map((column) => [column.name, column]));
  return <ul className="profile">{schema.map((column) => <Item key={column.name} column={column} profile={byName.get(column.name)} rows={rows} />)}</ul>;
}

function Item({ column, profile, rows }: { column: Column; profile: ColumnProfile | undefined; rows: number }): ReactNode {
  return (
    <li>
      <div className="row spread"><b className="truncate mono" title={column.name}>{column.name}</b><span className="row tight"><Tag>{column.type}</Tag>{column.nullable && <Tag title="may be missing">nullable</Tag>}</span></div>
      <div className="profile-chart"><Shape column={column} profile={profile} rows={rows} /></div>
      {profile !== undefined && <Numbers profile={profile} rows={rows} />}
    </li>
  );
}

function Shape({ column, profile, rows }: { column: Column; profile: ColumnProfile | undefined; rows: number }): ReactNode {
  if (profile?.histogram) return <Histogram edges={profile.histogram.edges} counts={profile.histogram.counts} label={`Distribution of ${column.name}`} />;
  if (profile?.top && profile.top.length > 0 && column.type !== "timestamp") return <TopValues top={profile.top} total={rows} />;
  if (profile?.min !== undefined && profile.min !== null) return <p className="range small muted"><span>{shown(profile.min)}</span><i aria-hidden="true" /><span>{shown(profile.max)}</span></p>;
  return null;
}

const shown = (value: unknown): string => (typeof value === "string" && /^\d{4}-\d{2}-\d{2}T/.test(value) ? value.slice(0, 16).replace("T", " ") : typeof value === "number" ? metric(value) : String(value ?? "–"));

function Numbers({ profile, rows }: { profile: ColumnProfile; rows: number }): ReactNode {
  const items: [string, string][] = [];
  if (profile.histogram) items.push(["range", `${shown(profile.min)} to ${shown(profile.max)}`]);
  if (profile.mean !== undefined && profile.mean !== null) items.push(["mean", metric(profile.mean)]);
  if (profile.std !== undefined && profile.std !== null) items.push(["std", metric(profile.std)]);
  if (profile.distinct !== null && profile.distinct !== undefined) items.push(["distinct", count(profile.distinct)]);
  items.push(["missing", profile.nulls === 0 ? "none" : percent(profile.nulls / Math.max(rows, 1), 1)]);
  return <dl className={profile.nulls > 0 ? "numbers some-missing" : "numbers"}>{items.map(([label, value]) => <div key={label}><dt>{label}</dt><dd>{value}</dd></div>)}</dl>;
}
