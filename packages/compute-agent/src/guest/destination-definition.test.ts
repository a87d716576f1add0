import type { PreparedDisk } from "@drover/model";
import { describe, expect, test } from "vitest";
import { destinationDefinition } from "./destination-definition.ts";

const backing = '<backingStore type="file"><format type="raw"></format><source file="/base"></source></backingStore>';
const ended = "<backingStore></backingStore>";
// As in a migratable document: host-model is written out.
const cpu =
  '<cpu mode="custom" match="exact" check="full"><model fallback="forbid">Haswell</model>' +
  '<feature policy="require" name="vme"></feature></cpu>';

function disk(target: string, chain: string): string {
  return `<disk type="file"><source file="/${target}"></source>${chain}<target dev="${target}"></target></disk>`;
}

function domain(...devices: readonly string[]): string {
  return `<domain type="kvm" xmlns:qemu="http://libvirt.org/schemas/domain/qemu/1.0"><name>R&amp;D</name>${cpu}<devices>${devices.join("")}</devices></domain>`;
}

function prepared(target: string, action: PreparedDisk["action"]): PreparedDisk {
  return { target, action, path: `/${target}`, capacityBytes: 1, reason: "a test says so" };
}

const names = {
  here: { prod: "br0", dmz: "lan-dmz", up: "eth1" },
  there: { prod: "br-prod", dmz: "lan-dmz", up: "ens3" },
};
const there = { host: "h2", disks: [], consoleAddress: "198.51.100.2", networks: names };

function graphics(type: string, address: string, rest = ""): string {
  return `<graphics type="${type}" port="5900" autoport="yes" listen="${address}"${rest}><listen type="address" address="${address}"></listen></graphics>`;
}

function serial(type: string, mode: string, host: string, name = "serial"): string {
  return `<${name} type="${type}"><source mode="${mode}" host="${host}" service="4555"></source><target port="0"></target></${name}>`;
}

const udp = (bind: string, connect: string) =>
  `<serial type="udp"><source mode="bind" host="${bind}" service="1"></source><source mode="connect" host="${connect}" service="2"></source></serial>`;

describe("disks", () => {
  test.each<[string, string, readonly PreparedDisk[], string | null]>([
    ["a guest without copied disks", domain(disk("vda", backing)), [prepared("vda", "stays")], null],
    ["a copied disk without a base image", domain(disk("vda", ended)), [prepared("vda", "copy")], null],
    ["one whose chain libvirt did not look at", domain(disk("vda", "")), [prepared("vda", "copy")], null],
    [
      "a copied disk with one, beside one that stays",
      domain(disk("vda", backing), disk("vdb", backing)),
      [prepared("vda", "copy"), prepared("vdb", "stays")],
      domain(disk("vda", ""), disk("vdb", backing)),
    ],
  ])("%s", (_, xml, disks, expected) => {
    const definition = destinationDefinition(xml, { ...there, disks });
    expect(definition?.xml ?? null).toBe(expected);
    if (expected === null) return;
    expect(definition?.parameters.map(({ name, value }) => [name, value])).toEqual([
      ["destination_xml", "vda without its base images"],
      ["persistent_xml", "vda without its base images"],
    ]);
  });
});

describe("consoles", () => {
  const own = "192.0.2.1";
  test.each<[string, string, string | null]>([
    ["VNC on an address of this host", graphics("vnc", own), graphics("vnc", there.consoleAddress)],
    ["with its password", graphics("vnc", own, ' passwd="x"'), graphics("vnc", there.consoleAddress, ' passwd="x"')],
    ["SPICE", graphics("spice", "2001:db8::1"), graphics("spice", there.consoleAddress)],
    ["VNC everywhere", graphics("vnc", "0.0.0.0"), null],
    ["VNC on the host itself", graphics("vnc", "127.0.0.1"), null],
    ["IPv6 everywhere", graphics("vnc", "::"), null],
    ["a name is each host's own", graphics("vnc", "console"), null],
    [
      "a network of libvirt's",
      '<graphics type="vnc"><listen type="network" network="default"></listen></graphics>',
      null,
    ],
    ["a socket", '<graphics type="vnc"><listen type="socket" socket="/run/x"></listen></graphics>', null],
    ["a serial port that listens", serial("tcp", "bind", own), serial("tcp", "bind", there.consoleAddress)],
    ["one that connects", serial("tcp", "connect", own), null],
    ["one of the host", '<serial type="file"><source path="/log"></source></serial>', null],
    ["a console", serial("tcp", "bind", own, "console"), serial("tcp", "bind", there.consoleAddress, "console")],
    ["a channel", serial("tcp", "bind", own, "channel"), serial("tcp", "bind", there.consoleAddress, "channel")],
    ["only the end that listens", udp(own, own), udp(there.consoleAddress, own)],
  ])("%s", (_, device, expected) => {
    const definition = destinationDefinition(domain(device), there);
    expect(definition?.xml ?? null).toBe(expected === null ? null : domain(expected));
  });

  test("both kinds of change at once, and what was done is said", () => {
    const xml = domain(disk("vda", backing), graphics("vnc", own), serial("tcp", "bind", own));
    const definition = destinationDefinition(xml, { ...there, disks: [prepared("vda", "copy")] });
    const at = there.consoleAddress;
    expect(definition?.xml).toBe(domain(disk("vda", ""), graphics("vnc", at), serial("tcp", "bind", at)));
    expect(definition?.parameters[0]?.value).toBe(`vda without its base images; graphics on ${at}; serial on ${at}`);
  });

  test("a destination that does not say where refuses them, and only them", () => {
    const nowhere = { ...there, consoleAddress: null };
    expect(() => destinationDefinition(domain(graphics("vnc", own)), nowhere)).toThrow(
      expect.objectContaining({ code: "refused", message: expect.stringContaining("console_listen_addr") }),
    );
    expect(destinationDefinition(domain(graphics("vnc", "0.0.0.0")), nowhere)).toBeNull();
  });
});

describe("networks", () => {
  const card = (type: string, source: string) =>
    `<interface type="${type}"><mac address="52:54:00:00:00:01"></mac><source ${source}></source><model type="virtio"></model></interface>`;

  test.each<[string, string, string | null]>([
    ["a bridge by its name there", card("bridge", 'bridge="br0"'), card("bridge", 'bridge="br-prod"')],
    [
      "a macvtap on the device there",
      card("direct", 'dev="eth1" mode="bridge"'),
      card("direct", 'dev="ens3" mode="bridge"'),
    ],
    ["a network of the same name", card("network", 'network="lan-dmz" portid="p"'), null],
    ["one that the fleet has no name for", card("bridge", 'bridge="br7"'), null],
    ["one of another kind", card("user", 'bridge="br0"'), null],
    ["another device on it", '<hostdev type="bridge"><source bridge="br0"></source></hostdev>', null],
  ])("%s", (_, device, expected) => {
    const definition = destinationDefinition(domain(device), there);
    expect(definition?.xml ?? null).toBe(expected === null ? null : domain(expected));
    if (expected !== null)
      expect(definition?.parameters[0]?.value).toMatch(/^interface 52:54:00:00:00:01 on (br-prod|ens3)$/);
  });

  test("a port of libvirt's network stays behind", () => {
    const networks = { here: { lan: "lan-a" }, there: { lan: "lan-b" } };
    const xml = domain(card("network", 'network="lan-a" portid="p" portgroup="g"'));
    expect(destinationDefinition(xml, { ...there, networks })?.xml).toBe(
      domain(card("network", 'network="lan-b" portgroup="g"')),
    );
  });

  test("a destination without a name for it refuses it, by the fleet's name", () => {
    const networks = { ...names, there: {} };
    expect(() => destinationDefinition(domain(card("bridge", 'bridge="br0"')), { ...there, networks })).toThrow(
      /network prod, and h2 .*\[compute\.networks\]/,
    );
  });
});
