import { expect, test } from "vitest";
import { formatXml, parseXml } from "./xml-element.ts";

test("blanks of values are kept, and those of a document's layout are not", () => {
  const document = `<domain>
    <sysinfo type='smbios'><system><entry name='serial'> 12 34 </entry><entry name='sku'>  </entry></system></sysinfo>
    <disk><source file='/images/web.img '/></disk>
  </domain>`;
  expect(formatXml(parseXml(document))).toBe(
    '<domain><sysinfo type="smbios"><system><entry name="serial"> 12 34 </entry><entry name="sku">  </entry></system></sysinfo>' +
      '<disk><source file="/images/web.img "></source></disk></domain>',
  );
});
