// What a warden runs after its owner's end: `clean-up-main FOLDER` stops what the folder's record lists and removes it.
import { cleanUpFolder } from "./owned-folder.ts";

const [folder] = process.argv.slice(2);
if (folder !== undefined) await cleanUpFolder(folder);
