#!/usr/bin/env node
// In a clone, `npx sonde` finds the command here; the published package's bin is dist/cli.js itself.
import '../../../dist/cli.js';
