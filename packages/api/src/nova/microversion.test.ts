import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ApiFixture, openApiFixture } from "../api-fixture.test.support.ts";
import { requestedVersion } from "./microversion.ts";

describe("requestedVersion", () => {
  it.each([
    [{}, "2.1", 1],
    [{ "openstack-api-version": "compute 2.80" }, "2.80", 80],
    [{ "openstack-api-version": "identity 3.1, compute 2.30" }, "2.30", 30],
    [{ "openstack-api-version": "compute latest" }, "2.90", 90],
    [{ "x-openstack-nova-api-version": "2.25" }, "2.25", 25],
    [{ "openstack-api-version": "compute 2.60", "x-openstack-nova-api-version": "2.25" }, "2.60", 60],
    [{ "openstack-api-version": "identity 3.1", "x-openstack-nova-api-version": "2.25" }, "2.25", 25],
  ])("reads %j as %s", (headers, shown, minor) => {
    expect(requestedVersion(headers)).toEqual({ shown, minor, fault: undefined });
  });

  it.each(["2.999", "2.0", "2.91", "3.0"])("answers 406 for %s", (version) => {
    const { shown, fault } = requestedVersion({ "openstack-api-version": `compute ${version}` });
    expect(shown).toBe(version);
    expect(fault).toMatchObject({
      status: 406,
      message: `Version ${version} is not supported by the API. Minimum is 2.1 and maximum is 2.90.`,
    });
  });

  it.each(["abc", "2", "2.x", "02.1", "2.01"])("answers 400 for %s", (version) => {
    expect(requestedVersion({ "x-openstack-nova-api-version": version }).fault).toMatchObject({
      status: 400,
      message: `API Version String ${version} is of invalid format. Must be of format MajorNum.MinorNum.`,
    });
  });
});

describe("the envelope of /v2.1", () => {
  let api: ApiFixture;
  beforeAll(async () => {
    api = await openApiFixture();
  });
  afterAll(() => api.close());

  it("has the version documents that clients negotiate by, with and without a slash", async () => {
    for (const url of ["/v2.1", "/v2.1/"]) {
      const response = await api.inject({ url, headers: { host: "127.0.0.1:8774" } });
      expect(response.json()).toMatchObject({
        version: {
          id: "v2.1",
          status: "CURRENT",
          version: "2.90",
          min_version: "2.1",
          links: [{ rel: "self", href: "http://127.0.0.1:8774/v2.1/" }],
        },
      });
    }
    const root = await api.inject({ url: "/" });
    expect(root.statusCode).toBe(200);
    expect(root.json().versions).toHaveLength(1);
  });

  it("echoes version and request id on every answer, also one that says no", async () => {
    for (const path of ["/servers", "/servers/nope", "/nothing"]) {
      const { headers } = await api.nova("GET", path, 80);
      expect(headers).toMatchObject({
        "openstack-api-version": "compute 2.80",
        "x-openstack-nova-api-version": "2.80",
        vary: "OpenStack-API-Version, X-OpenStack-Nova-API-Version",
        "x-openstack-request-id": expect.stringMatching(/^req-[0-9a-f-]{36}$/),
      });
      expect(headers["x-compute-request-id"]).toBe(headers["x-openstack-request-id"]);
    }
  });

  it("answers a version out of range with 406, echoing it", async () => {
    const { status, body, headers } = await api.nova("GET", "/servers", 999);
    expect(status).toBe(406);
    expect(body).toEqual({
      computeFault: {
        code: 406,
        message: "Version 2.999 is not supported by the API. Minimum is 2.1 and maximum is 2.90.",
      },
    });
    expect(headers["openstack-api-version"]).toBe("compute 2.999");
  });

  it("speaks Nova's form about unknown paths, malformed JSON, wrong media types and large bodies", async () => {
    expect(await api.nova("GET", "/images", 80)).toMatchObject({ status: 404, body: { itemNotFound: { code: 404 } } });
    const post = (payload: string, type: string) =>
      api.inject({ method: "POST", url: "/v2.1/servers/x/action", payload, headers: { "content-type": type } });
    const broken = await post("{", "application/json");
    expect(broken.json()).toEqual({ badRequest: { code: 400, message: "Malformed request body" } });
    expect((await post("<a/>", "application/xml")).json()).toMatchObject({ badMediaType: { code: 415 } });
    const large = await post(JSON.stringify({ x: "x".repeat(70_000) }), "application/json");
    expect(large.json()).toEqual({ overLimit: { code: 413, message: "Request is too large." } });
  });
});
