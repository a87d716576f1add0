/** What a process of reporting agents is started with. */
export interface ReportingSpec {
  readonly hosts: number;
  readonly guestsPerHost: number;
  readonly busUrl: string;
}
