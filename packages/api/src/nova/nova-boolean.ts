import { z } from "zod";

/** Nova's booleans in bodies, in all their spellings (nova/api/validation/parameter_types.py). */
const yes = ["True", "TRUE", "true", "1", "ON", "On", "on", "YES", "Yes", "yes"] as const;
const no = ["False", "FALSE", "false", "0", "OFF", "Off", "off", "NO", "No", "no"] as const;

export const novaBoolean = z.union([z.boolean(), z.enum(yes).transform(() => true), z.enum(no).transform(() => false)]);
