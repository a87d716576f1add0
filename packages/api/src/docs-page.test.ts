import { expect, it } from "vitest";
import { openApiFixture } from "./api-fixture.test.support.ts";

it("shows the document without a token, and nothing of the page comes from elsewhere", async () => {
  const api = await openApiFixture();
  try {
    const page = await api.app.inject({ url: "/docs" });
    expect(page.statusCode).toBe(200);
    expect(page.headers["content-security-policy"]).toMatch(/^default-src 'none';.*script-src 'self';/);
    const files = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file = ""]) => file);
    expect(files.length).toBeGreaterThan(4);
    for (const file of files) {
      const { statusCode } = await api.app.inject({ url: new URL(file, "http://127.0.0.1/docs/").pathname });
      expect([file, file.startsWith("http"), statusCode]).toEqual([file, false, 200]);
    }
    expect(page.body).not.toMatch(/<script>[^<]/);
    const document = await api.app.inject({ url: "/docs/json" });
    expect(Object.keys(document.json().paths)).toContain("/v1/events");
  } finally {
    await api.close();
  }
});
