import { queryOptions } from "@tanstack/react-query";
import { get, list, seg } from "../../api/client";
import type { CheckReport, Dataset, DatasetVersion } from "../../api/data";

export const datasets = () =>
  queryOptions({ queryKey: ["datasets"], queryFn: ({ signal }) => list<Dataset>("/datasets", {}, signal) });

export const dataset = (name: string) =>
  queryOptions({ queryKey: ["datasets", name], queryFn: ({ signal }) => get<Dataset>(`/datasets/${seg(name)}`, {}, signal) });

export const datasetVersions = (name: string) =>
  queryOptions({
    queryKey: ["datasets", name, "versions"],
    queryFn: async ({ signal }) =>
      (await list<DatasetVersion>(`/datasets/${seg(name)}/versions`, {}, signal)).toSorted((a, b) => b.version - a.version),
  });

export const datasetVersion = (name: string, version: string) =>
  queryOptions({
    queryKey: ["datasets", name, "versions", version],
    queryFn: ({ signal }) => get<DatasetVersion>(`/datasets/${seg(name)}/versions/${seg(version)}`, {}, signal),
  });

export const checkReports = (name: string) =>
  queryOptions({
    queryKey: ["check-reports", name],
    queryFn: ({ signal }) => list<CheckReport>(`/datasets/${seg(name)}/check-reports`, {}, signal),
  });
