import type { ServerEvent } from "@drover/libvirt";
import { type HostEvent, LIFECYCLE } from "./host-event.ts";

/** A host's event as the protocol carries it. */
export function serverEvent(event: HostEvent): ServerEvent {
  switch (event.kind) {
    case "lifecycle": {
      const [number, detail] = LIFECYCLE[event.change];
      return { name: "lifecycle", body: { dom: event.dom, event: number, detail } };
    }
    case "migration-iteration":
      return { name: "migration-iteration", body: { dom: event.dom, iteration: event.iteration } };
    case "job-completed":
      return { name: "job-completed", body: { dom: event.dom, params: [...event.params] } };
  }
}
