/* disk.h - what a disk's name tells. Private to vmm/. */
#pragma once

#include "vmm/engine.h"

/* "qcow2" for names that end in .qcow2, else "raw": never by its contents. */
const char *disk_format(const char *path);
