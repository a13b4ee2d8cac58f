// Registers the pair style with the LAMMPS that loads this library.

#include "pair_panna.h"

#include "lammps.h"

#include <cstdio>
#include <dlfcn.h>

using namespace LAMMPS_NS;

// As LAMMPS documents it; lammpsplugin.h is not among the headers that it installs.
extern "C" {
typedef void *(*lammpsplugin_factory1)(void *);
typedef void *(*lammpsplugin_factory2)(void *, int, char **);
typedef struct {
  const char *version, *style, *name, *info, *author;
  union {
    lammpsplugin_factory1 v1;
    lammpsplugin_factory2 v2;
  } creator;
  void *handle;
} lammpsplugin_t;
typedef void (*lammpsplugin_regfunc)(lammpsplugin_t *, void *);

void lammpsplugin_init(void *, void *, void *);
}

static Pair *create(LAMMPS *lmp) { return new PairPanna(lmp); }

// The classes of another version of LAMMPS lie differently in memory: nothing of it may be touched
// before the version is known.
static bool right_version(void *lmp)
{
  typedef int (*Version)(void *);
  const auto version = reinterpret_cast<Version>(dlsym(RTLD_DEFAULT, "lammps_version"));
  const int found = version ? version(lmp) : 0;
  if (found == PANNA_LAMMPS_VERSION) return true;
  std::fprintf(stderr, "panna plugin: compiled for LAMMPS %d, but this is LAMMPS %d: run panna-exp lammps-plugin again; pair style panna is not there\n",
               PANNA_LAMMPS_VERSION, found);
  return false;
}

extern "C" void lammpsplugin_init(void *lmp, void *handle, void *regfunc)
{
  if (!right_version(lmp)) return;
  lammpsplugin_t plugin;
  plugin.version = static_cast<LAMMPS *>(lmp)->version;
  plugin.style = "pair";
  plugin.name = "panna";
  plugin.info = "Behler-Parrinello potentials of PANNA and panna_exp";
  plugin.author = "The panna_exp developers";
  plugin.creator.v1 = reinterpret_cast<lammpsplugin_factory1>(&create);
  plugin.handle = handle;
  reinterpret_cast<lammpsplugin_regfunc>(regfunc)(&plugin, lmp);
}
