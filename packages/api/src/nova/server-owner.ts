/** Nova's servers belong to a user in a project; libvirt's guests to nobody, so this is everybody's. */
export const SERVER_OWNER = { userId: "admin", projectId: "admin" } as const;
