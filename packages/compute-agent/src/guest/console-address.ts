import { isIP } from "node:net";
import { find, type XmlElement } from "./xml-element.ts";

/** Devices that people reach a guest by, over the network; the others of libvirt's character devices are within the host. */
const CHARACTER_DEVICES: ReadonlySet<string> = new Set(["serial", "console", "parallel", "channel"]);

/** The same on every host: all addresses, or the host's own alone. */
const EVERYWHERE = /^(0\.0\.0\.0|::|127\.\d+\.\d+\.\d+|::1|localhost)$/;

/**
 * The addresses of this host on which a guest's consoles listen, each once. They are not the destination's, and QEMU there could
 * not listen on them.
 *
 * Worked example: VNC on 192.0.2.1 and a serial port on 0.0.0.0: `["192.0.2.1"]`.
 */
export function consolesToMove(domain: XmlElement): readonly string[] {
  const devices = find(domain, "devices")?.children ?? [];
  return [...new Set(devices.flatMap(addressesOf))];
}

/** The device with its addresses of this host replaced; null where it has none. */
export function moveConsole(device: XmlElement, address: string): XmlElement | null {
  if (addressesOf(device).length === 0) return null;
  const there = (attributes: XmlElement["attributes"], name: string) =>
    isOfHost(attributes[name]) ? { ...attributes, [name]: address } : attributes;
  const children = device.children.map((child) => {
    if (isListening(device, child)) return { ...child, attributes: there(child.attributes, attributeOf(child)) };
    return child;
  });
  // `listen` of the device itself is the older form; libvirt writes both, and refuses two that differ.
  const attributes = device.name === "graphics" ? there(device.attributes, "listen") : device.attributes;
  return { ...device, attributes, children };
}

function addressesOf(device: XmlElement): readonly string[] {
  const own = device.name === "graphics" ? [device.attributes.listen] : [];
  const below = device.children
    .filter((child) => isListening(device, child))
    .map((child) => child.attributes[attributeOf(child)]);
  return [...own, ...below].filter((address) => address !== undefined).filter(isOfHost);
}

/** `<listen type="address">` of graphics; `<source mode="bind">` of a character device over TCP or UDP. */
function isListening(device: XmlElement, child: XmlElement): boolean {
  if (device.name === "graphics") return child.name === "listen" && (child.attributes.type ?? "address") === "address";
  if (!CHARACTER_DEVICES.has(device.name) || !["tcp", "udp"].includes(device.attributes.type ?? "")) return false;
  return child.name === "source" && child.attributes.mode === "bind";
}

function attributeOf({ name }: XmlElement): "address" | "host" {
  return name === "listen" ? "address" : "host";
}

/** A name may mean each host's own address, as in Nova's `server_listen`: it is left alone. */
function isOfHost(address: string | undefined): boolean {
  return address !== undefined && isIP(address) !== 0 && !EVERYWHERE.test(address);
}
