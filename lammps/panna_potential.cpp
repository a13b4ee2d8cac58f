#include "panna_potential.h"

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <sstream>

namespace panna {
namespace {

constexpr double PI = 3.14159265358979323846;
constexpr int MOST = 1 << 24;    // numbers of a kind; a larger count is a damaged file

[[noreturn]] void fail(const std::string &path, int line, const std::string &text)
{
  const std::string where = line > 0 ? ": line " + std::to_string(line) : "";
  throw FileError(path + where + ": " + text);
}

std::string stripped(const std::string &text)
{
  const char *blank = " \t\r\n";
  const auto first = text.find_first_not_of(blank);
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

std::vector<std::string> items(const std::string &text)
{
  std::string inner = stripped(text);
  if (inner.size() > 1 && inner.front() == '[' && inner.back() == ']')
    inner = inner.substr(1, inner.size() - 2);
  std::vector<std::string> found;
  std::stringstream stream(inner);
  for (std::string item; std::getline(stream, item, ',');) found.push_back(stripped(item));
  return found;
}

double number(const std::string &text, const std::string &path, int line)
{
  char *end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !std::isfinite(value))
    fail(path, line, "'" + text.substr(0, 40) + "' is not a number");
  return value;
}

int whole(const std::string &text, const std::string &path, int line)
{
  const double value = number(text, path, line);
  if (value != std::floor(value) || value < 0 || value > MOST)
    fail(path, line, "'" + text.substr(0, 40) + "' is not a whole number from 0 to " + std::to_string(MOST));
  return int(value);
}

std::string folder_of(const std::string &path)
{
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash + 1);
}

struct Line {
  std::string text;
  int number = 0;
};

using Section = std::map<std::string, Line>;

// The lines `key = value` of an INI-like file, by section; lines before the first are in "".
std::map<std::string, Section> sections_of(const std::string &path, const std::string &content)
{
  std::map<std::string, Section> sections;
  std::string current;
  std::stringstream stream(content);
  int at = 0;
  for (std::string raw; std::getline(stream, raw);) {
    ++at;
    const std::string line = stripped(raw);
    if (line.empty() || line[0] == '#') continue;
    if (line.front() == '[' && line.back() == ']') {
      current = stripped(line.substr(1, line.size() - 2));
      if (sections.count(current)) fail(path, at, "a second section [" + current + "]");
      sections[current];
      continue;
    }
    const auto equals = line.find('=');
    if (equals == std::string::npos)
      fail(path, at, "'" + line.substr(0, 60) + "' is neither [section] nor key = value");
    const std::string key = stripped(line.substr(0, equals));
    if (sections[current].count(key)) fail(path, at, "'" + key + "' for the second time");
    sections[current][key] = {stripped(line.substr(equals + 1)), at};
  }
  return sections;
}

// The values of one section, with errors that name file, section and line.
class Keys {
 public:
  Keys(const std::string &path, const std::string &name, const Section &section) :
      path(path), name(name), section(section)
  {
  }
  bool has(const std::string &key) const { return section.count(key) > 0; }
  const Line &line(const std::string &key) const
  {
    const auto found = section.find(key);
    if (found == section.end()) fail(path, 0, "[" + name + "]: '" + key + "' is missing");
    return found->second;
  }
  double real(const std::string &key) const { return number(line(key).text, path, line(key).number); }
  int count(const std::string &key) const { return whole(line(key).text, path, line(key).number); }
  std::vector<std::string> words(const std::string &key) const { return items(line(key).text); }
  std::vector<double> reals(const std::string &key, int expected) const
  {
    std::vector<double> values;
    for (const auto &item : words(key)) values.push_back(number(item, path, line(key).number));
    if (int(values.size()) != expected)
      fail(path, line(key).number,
           std::to_string(values.size()) + " values of " + key + ", expected " + std::to_string(expected));
    return values;
  }

 private:
  const std::string &path, &name;
  const Section &section;
};

std::vector<double> centers(double first, double step, int count)
{
  std::vector<double> values(count);
  for (int k = 0; k < count; ++k) values[k] = first + k * step;
  return values;
}

Descriptor panna_descriptor(const Keys &keys, int gversion)
{
  Descriptor d;
  d.smoothing = 0.01;
  d.cutoff_radial = keys.real("Rc_rad");
  d.cutoff_angular = keys.real("Rc_ang");
  const int radial = keys.count("RsN_rad"), shells = keys.count("RsN_ang"), angles = keys.count("ThetasN");
  if (gversion == 1) {
    d.radial_centers = keys.reals("Rs_rad", radial);
    d.radial_eta = keys.reals("eta_rad", radial);
    d.angular_centers = keys.reals("Rs_ang", shells);
    d.angular_eta = keys.reals("eta_ang", shells);
    d.thetas = keys.reals("Thetas", angles);
    d.zeta = keys.reals("zeta", angles);
    return d;
  }
  const double first_rad = keys.real("Rs0_rad"), first_ang = keys.real("Rs0_ang");
  const double step_rad = keys.has("Rsst_rad") ? keys.real("Rsst_rad") : (d.cutoff_radial - first_rad) / radial;
  const double step_ang = keys.has("Rsst_ang") ? keys.real("Rsst_ang") : (d.cutoff_angular - first_ang) / shells;
  d.radial_centers = centers(first_rad, step_rad, radial);
  d.radial_eta.assign(radial, keys.real("eta_rad"));
  d.angular_centers = centers(first_ang, step_ang, shells);
  d.angular_eta.assign(shells, keys.real("eta_ang"));
  d.thetas = centers(PI * 0.5 / angles, PI / angles, angles);
  d.zeta.assign(angles, keys.real("zeta"));
  return d;
}

Activation activation_of(int code, int last, const std::string &path, int line)
{
  if (code < 0 || code > last)
    fail(path, line, "unknown activation " + std::to_string(code) + ", expected 0 to " + std::to_string(last));
  return Activation(code);
}

Network panna_network(const Keys &keys, int inputs, const std::string &path, const Reader &read)
{
  const int count = keys.count("Nlayers");
  const auto sizes = keys.reals("sizes", count), codes = keys.reals("activations", count);
  const std::string file = folder_of(path) + keys.line("file").text;
  const std::string bytes = read(file);
  Network network;
  std::size_t at = 0;
  for (int l = 0; l < count; ++l) {
    Layer layer;
    layer.inputs = l ? network.layers.back().outputs : inputs;
    layer.outputs = whole(std::to_string(int(sizes[l])), path, keys.line("sizes").number);
    layer.activation = activation_of(int(codes[l]), 4, path, keys.line("activations").number);
    const std::size_t wanted = std::size_t(layer.inputs + 1) * layer.outputs;
    if (layer.outputs < 1 || bytes.size() < at + 4 * wanted)
      fail(file, 0,
           "has " + std::to_string(bytes.size()) + " bytes, too few for the layers of " + path + ": it is cut off or another network's");
    std::vector<float> values(wanted);
    std::memcpy(values.data(), bytes.data() + at, 4 * wanted);
    at += 4 * wanted;
    const auto middle = values.begin() + std::size_t(layer.inputs) * layer.outputs;
    layer.weights.assign(values.begin(), middle);
    layer.biases.assign(middle, values.end());
    for (double value : values)
      if (!std::isfinite(value)) fail(file, 0, "holds a number that is not finite");
    network.layers.push_back(layer);
  }
  if (at != bytes.size())
    fail(file, 0, "has " + std::to_string(bytes.size()) + " bytes, expected " + std::to_string(at) + " for the layers of " + path);
  return network;
}

void check(const Potential &potential)
{
  const Descriptor &d = potential.descriptor;
  const std::string &path = potential.source;
  if (d.cutoff_radial <= 0 || d.cutoff_angular <= 0) fail(path, 0, "a cutoff is not above 0");
  for (double zeta : d.zeta)
    if (zeta <= 0) fail(path, 0, "a zeta is not above 0");
  const int size = d.size(int(potential.species.size()));
  for (std::size_t s = 0; s < potential.networks.size(); ++s) {
    const Network &network = potential.networks[s];
    const std::string who = "the network of " + potential.species[s];
    if (network.layers.empty() || network.layers.back().outputs != 1)
      fail(path, 0, who + " does not end in one number");
    if (network.layers.front().inputs != size)
      fail(path, 0, who + " takes " + std::to_string(network.layers.front().inputs) + " components, the descriptor has " + std::to_string(size));
  }
}

Potential read_panna(const std::string &path, const Reader &read)
{
  auto sections = sections_of(path, read(path));
  const Section header = sections[""];
  sections.erase("");
  int gversion = 0;
  if (header.count("!gversion"))
    gversion = whole(header.at("!gversion").text, path, header.at("!gversion").number);
  if (gversion > 1) fail(path, header.at("!gversion").number, "!gversion is " + std::to_string(gversion) + ", expected 0 or 1");
  const std::string name = "GVECT_PARAMETERS";
  if (!sections.count(name)) fail(path, 0, "the section [" + name + "] is missing: is this a panna.in?");
  const Keys keys(path, name, sections.at(name));
  Potential potential;
  potential.source = path;
  potential.species = keys.words("species");
  if (int(potential.species.size()) != keys.count("Nspecies"))
    fail(path, keys.line("species").number, "the species are not as many as Nspecies says");
  potential.descriptor = panna_descriptor(keys, gversion);
  const int size = potential.descriptor.size(int(potential.species.size()));
  for (const auto &symbol : potential.species) {
    if (!sections.count(symbol)) fail(path, 0, "the section [" + symbol + "] is missing");
    potential.networks.push_back(panna_network(Keys(path, symbol, sections.at(symbol)), size, path, read));
  }
  check(potential);
  return potential;
}

// Words of a `.panna` file, in their order.
class Words {
 public:
  Words(const std::string &path, const std::string &content) : path(path), content(content) {}
  std::string word()
  {
    while (at < content.size() && std::isspace(static_cast<unsigned char>(content[at])))
      if (content[at++] == '\n') ++line;
    const std::size_t begin = at;
    while (at < content.size() && !std::isspace(static_cast<unsigned char>(content[at]))) ++at;
    if (begin == at) fail(path, line, "ends too early: the file is cut off");
    return content.substr(begin, at - begin);
  }
  void expect(const std::string &wanted)
  {
    const std::string found = word();
    if (found != wanted) fail(path, line, "'" + found.substr(0, 40) + "', expected '" + wanted + "': the file is damaged");
  }
  int count() { return whole(word(), path, line); }
  double real() { return number(word(), path, line); }
  std::vector<double> reals(std::size_t count)
  {
    // A number takes two bytes at least: a damaged count asks for no memory.
    if (count > (content.size() - at + 1) / 2) fail(path, line, "ends too early: the file is cut off");
    std::vector<double> values(count);
    for (auto &value : values) value = real();
    return values;
  }
  std::vector<double> named(const std::string &key)
  {
    expect(key);
    return reals(count());
  }
  int where() const { return line; }

 private:
  const std::string &path, &content;
  std::size_t at = 0;
  int line = 1;
};

Descriptor own_descriptor(Words &words, const std::string &path)
{
  Descriptor d;
  words.expect("descriptor");
  const std::string kind = words.word();
  if (kind != "mbp" && kind != "bp") fail(path, words.where(), "unknown descriptor '" + kind + "', expected mbp or bp");
  d.kind = kind == "mbp" ? DescriptorKind::mbp : DescriptorKind::bp;
  words.expect("cutoff_radial");
  d.cutoff_radial = words.real();
  words.expect("cutoff_angular");
  d.cutoff_angular = words.real();
  d.radial_centers = words.named("radial_centers");
  d.radial_eta = words.named("radial_eta");
  d.angular_eta = words.named("angular_eta");
  d.zeta = words.named("zeta");
  if (d.radial_eta.size() != d.radial_centers.size()) fail(path, words.where(), "not one radial_eta per centre");
  if (d.kind == DescriptorKind::bp) return d;
  d.angular_centers = words.named("angular_centers");
  d.thetas = words.named("thetas");
  words.expect("smoothing");
  d.smoothing = words.real();
  words.expect("pairs_twice");
  d.pairs_twice = words.count() != 0;
  if (d.angular_eta.size() != d.angular_centers.size()) fail(path, words.where(), "not one angular_eta per centre");
  if (d.zeta.size() != d.thetas.size()) fail(path, words.where(), "not one zeta per angle");
  return d;
}

Network own_network(Words &words, const std::string &symbol, const std::string &path)
{
  Network network;
  words.expect("network");
  words.expect(symbol);
  words.expect("offset");
  network.offset = words.real();
  words.expect("layers");
  const int count = words.count();
  for (int l = 0; l < count; ++l) {
    Layer layer;
    words.expect("layer");
    layer.inputs = words.count();
    layer.outputs = words.count();
    layer.activation = activation_of(words.count(), 6, path, words.where());
    if (layer.outputs < 1 || (l && layer.inputs != network.layers.back().outputs))
      fail(path, words.where(), "the sizes of the layers do not fit one another");
    layer.weights = words.reals(std::size_t(layer.inputs) * layer.outputs);
    layer.biases = words.reals(layer.outputs);
    network.layers.push_back(layer);
  }
  network.low = words.named("smallest");
  network.high = words.named("largest");
  const std::size_t size = network.layers.empty() ? 0 : network.layers.front().inputs;
  if (network.low.size() != network.high.size() || (!network.low.empty() && network.low.size() != size))
    fail(path, words.where(), "the ranges of the training set do not fit the network");
  return network;
}

std::uint32_t crc32(const char *bytes, std::size_t count)
{
  std::uint32_t value = 0xffffffffu;
  for (std::size_t k = 0; k < count; ++k) {
    value ^= static_cast<unsigned char>(bytes[k]);
    for (int bit = 0; bit < 8; ++bit) value = value & 1 ? (value >> 1) ^ 0xedb88320u : value >> 1;
  }
  return ~value;
}

// The last line is `crc32 NUMBER`, of all bytes before it.
void check_sum(const std::string &path, const std::string &content)
{
  const auto at = content.rfind("\ncrc32 ");
  if (at == std::string::npos) fail(path, 0, "has no checksum at its end: the file is cut off");
  const unsigned long said = std::strtoul(content.c_str() + at + 7, nullptr, 10);
  if (said != crc32(content.data(), at + 1)) fail(path, 0, "its checksum does not fit: the file is damaged; export it again");
}

Potential read_own(const std::string &path, const std::string &content)
{
  Words words(path, content);
  words.expect("panna_exp");
  words.expect("potential");
  const std::string version = words.word();
  if (version != "1") fail(path, 1, "format version " + version.substr(0, 20) + ", this plugin reads 1: compile the plugin anew");
  check_sum(path, content);
  Potential potential;
  potential.source = path;
  words.expect("species");
  const int count = words.count();
  for (int s = 0; s < count; ++s) potential.species.push_back(words.word());
  potential.descriptor = own_descriptor(words, path);
  for (const auto &symbol : potential.species) potential.networks.push_back(own_network(words, symbol, path));
  potential.repulsion_strength = words.named("repulsion_strength");
  potential.repulsion_length = words.named("repulsion_length");
  potential.repulsion_outer = words.named("repulsion_outer");
  const std::size_t pairs = potential.repulsion_outer.size(), all = std::size_t(count) * count;
  if ((pairs != 0 && pairs != all) || potential.repulsion_strength.size() != pairs || potential.repulsion_length.size() != pairs)
    fail(path, words.where(), "the repulsion has not one number for each pair of species");
  words.expect("crc32");
  check(potential);
  return potential;
}

}    // namespace

Potential read_potential(const std::string &path, const Reader &read)
{
  const std::string suffix = ".panna";
  if (path.size() > suffix.size() && path.compare(path.size() - suffix.size(), suffix.size(), suffix) == 0)
    return read_own(path, read(path));
  return read_panna(path, read);
}

}    // namespace panna
