import { DroverError, isDroverError } from "@drover/model";
import { VIR_ERR, VIR_ERR_LEVEL, VIR_FROM, type VirErrName, virErrName } from "./constants/error-codes.ts";
import type { RemoteErrorBody } from "./procedures/shared-structures.ts";

export interface LibvirtErrorFields {
  /** virErrorNumber, {@link VIR_ERR}. */
  readonly libvirtCode: number;
  /** virErrorDomain, {@link VIR_FROM}. */
  readonly libvirtDomain: number;
  /** virErrorLevel, {@link VIR_ERR_LEVEL}. */
  readonly level: number;
  /** libvirtd's own sentence. */
  readonly text: string;
  /** The call it answered, where there was one. */
  readonly procedure?: string;
}

/**
 * libvirtd said no. The call was received and answered, so the connection is fine and the refusal certain; only after
 * `domainMigratePerform3Params` may the guest still have arrived, with VIR_ERR_MIGRATE_FINISH_OK or when the two
 * libvirtd lost each other during switch-over. Who must know asks both hosts.
 */
export class LibvirtError extends DroverError {
  readonly libvirtCode: number;
  /** `VIR_ERR_NO_DOMAIN`, …; `VIR_ERR_<number>` for one that is newer than this package. */
  readonly libvirtCodeName: string;
  readonly libvirtDomain: number;
  readonly level: number;
  readonly text: string;
  readonly procedure: string | undefined;

  constructor(fields: LibvirtErrorFields) {
    const codeName = virErrName(fields.libvirtCode);
    const doing = fields.procedure === undefined ? "libvirtd refused" : `libvirtd refused ${fields.procedure}`;
    super("libvirt", `${doing}: ${fields.text} (${codeName})`, {
      details: {
        libvirtCode: fields.libvirtCode,
        libvirtCodeName: codeName,
        libvirtDomain: fields.libvirtDomain,
        level: fields.level,
        text: fields.text,
        ...(fields.procedure === undefined ? {} : { procedure: fields.procedure }),
      },
    });
    this.libvirtCode = fields.libvirtCode;
    this.libvirtCodeName = codeName;
    this.libvirtDomain = fields.libvirtDomain;
    this.level = fields.level;
    this.text = fields.text;
    this.procedure = fields.procedure;
  }

  override get name(): string {
    return "LibvirtError";
  }

  /** For the server side: an error with the usual level. `LibvirtError.refusal("VIR_ERR_NO_DOMAIN", "…")`. */
  static refusal(codeName: VirErrName, text: string, libvirtDomain: number = VIR_FROM.VIR_FROM_QEMU): LibvirtError {
    return new LibvirtError({
      libvirtCode: VIR_ERR[codeName],
      libvirtDomain,
      level: VIR_ERR_LEVEL.VIR_ERR_ERROR,
      text,
    });
  }
}

/** True for a {@link LibvirtError}; with `codeName`, only for that code. */
export function isLibvirtError(error: unknown, codeName?: VirErrName): error is LibvirtError {
  if (!isDroverError(error, "libvirt") || !("libvirtCode" in error)) return false;
  return codeName === undefined || error.libvirtCode === VIR_ERR[codeName];
}

/** The error that a reply of status "error" carries. */
export function fromRemoteError(body: RemoteErrorBody, procedure: string): LibvirtError {
  return new LibvirtError({
    libvirtCode: body.code,
    libvirtDomain: body.domain,
    level: body.level,
    text: body.message ?? "no reason given",
    procedure,
  });
}

/** An error as libvirtd puts it on the wire: the text also stands in `str1`, as virReportError leaves it. */
export function toRemoteError(error: LibvirtError): RemoteErrorBody {
  return {
    code: error.libvirtCode,
    domain: error.libvirtDomain,
    message: error.text,
    level: error.level,
    dom: null,
    str1: "%s",
    str2: error.text,
    str3: null,
    int1: -1,
    int2: -1,
    net: null,
  };
}
