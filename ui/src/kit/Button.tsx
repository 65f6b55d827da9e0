import type { ButtonHTMLAttributes, ReactNode } from "react";
import { Icon, type IconName } from "./Icon";

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  kind?: "plain" | "primary" | "danger" | "ghost";
  icon?: IconName;
  children?: ReactNode;
}

export function Button({ kind = "plain", icon, children, className = "", ...rest }: ButtonProps): ReactNode {
  return (
    <button type="button" className={`button ${kind} ${children === undefined ? "square" : ""} ${className}`} {...rest}>
      {icon !== undefined && <Icon name={icon} size={14} />}
      {children}
    </button>
  );
}

interface SegmentsProps<T extends string> {
  label: string;
  value: T;
  options: { value: T; label: string }[];
  onChange: (value: T) => void;
}

/** One choice of a few. */
export function Segments<T extends string>({ label, value, options, onChange }: SegmentsProps<T>): ReactNode {
  return (
    <div className="segments" role="group" aria-label={label}>
      {options.map((option) => (
        <button key={option.value} type="button" aria-pressed={option.value === value} onClick={() => onChange(option.value)}>
          {option.label}
        </button>
      ))}
    </div>
  );
}
