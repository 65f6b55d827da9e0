import { queryOptions } from "@tanstack/react-query";
import { get, list } from "../api/client";
import type { Project, Status } from "../api/server";

const STATUS_MS = 5000;

export const status = () =>
  queryOptions({ queryKey: ["status"], queryFn: ({ signal }) => get<Status>("/status", {}, signal), refetchInterval: STATUS_MS });

export const projects = () => queryOptions({ queryKey: ["projects"], queryFn: ({ signal }) => list<Project>("/projects", {}, signal) });
