import { MAX_MINOR, MIN_MINOR } from "./microversion.ts";

const common = {
  id: "v2.1",
  status: "CURRENT",
  version: `2.${MAX_MINOR}`,
  min_version: `2.${MIN_MINOR}`,
  updated: "2013-07-23T11:33:21Z",
};

/** `GET /` */
export function versionList(base: string): object {
  return { versions: [{ ...common, links: [{ rel: "self", href: `${base}/v2.1/` }] }] };
}

/** `GET /v2.1`; what clients negotiate by. They fail without any of these but `updated` and `media-types`. */
export function versionDocument(base: string): object {
  return {
    version: {
      ...common,
      links: [{ rel: "self", href: `${base}/v2.1/` }],
      "media-types": [{ base: "application/json", type: "application/vnd.openstack.compute+json;version=2.1" }],
    },
  };
}
