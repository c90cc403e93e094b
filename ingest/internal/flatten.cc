#include <algorithm>
#include <array>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "ingest/internal/decoders.h"
#include "ingest/internal/digest.h"
#include "ingest/internal/excerpt.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

// An object as sorted leaves: what changes without meaning, what is secret and what is held
// elsewhere in the record is left out on the way.

namespace kg::ingest {
namespace {

constexpr size_t kMaxHostsPerValue = 16;

template <size_t N>
bool In(const std::array<absl::string_view, N>& set, absl::string_view text) {
  return std::find(set.begin(), set.end(), text) != set.end();
}

// Members dropped wherever they stand: heartbeats and bookkeeping.
constexpr std::array<absl::string_view, 5> kDroppedMembers = {
    "managedFields", "lastHeartbeatTime", "lastProbeTime", "renewTime", "resourceVersion"};

// Members of the object's own metadata that the record holds in fields of its own.
constexpr std::array<absl::string_view, 9> kOwnMetadata = {"name",
                                                           "namespace",
                                                           "uid",
                                                           "resourceVersion",
                                                           "selfLink",
                                                           "generation",
                                                           "creationTimestamp",
                                                           "deletionTimestamp",
                                                           "managedFields"};

constexpr std::array<absl::string_view, 4> kDroppedAnnotations = {
    "kubectl.kubernetes.io/last-applied-configuration", "control-plane.alpha.kubernetes.io/leader",
    "autoscaling.alpha.kubernetes.io/current-metrics",
    "autoscaling.alpha.kubernetes.io/conditions"};

bool IsDroppedStatus(absl::string_view kind, absl::string_view member) {
  return (kind == "Node" && member == "images") ||
         (kind == "HorizontalPodAutoscaler" && member == "currentMetrics");
}

// What elements of a list are named by, best first.
constexpr std::array<absl::string_view, 7> kElementNames = {
    "name", "type", "key", "ip", "targetRef.name", "containerPort", "port"};

std::string ElementName(const json::object& element, absl::string_view key) {
  const json::value* value = nullptr;
  if (key == "targetRef.name") {
    const json::object* target = FindObject(element, "targetRef");
    value = target == nullptr ? nullptr : Find(*target, "name");
  } else {
    value = Find(element, key);
  }
  if (value == nullptr || !(value->is_string() || value->is_number())) return "";
  return ScalarText(*value);
}

// The element names of a list by the first key that all have and that tells them apart; empty when
// there is none.
std::vector<std::string> ElementNames(const json::array& list) {
  for (const absl::string_view key : kElementNames) {
    std::vector<std::string> names;
    names.reserve(list.size());
    for (const json::value& element : list) {
      const json::object* object = element.if_object();
      if (object == nullptr) return {};
      std::string name = ElementName(*object, key);
      if (name.empty()) break;
      names.push_back(std::move(name));
    }
    if (names.size() != list.size()) continue;
    if (names.size() == 1) return names;
    std::vector<absl::string_view> sorted(names.begin(), names.end());
    std::sort(sorted.begin(), sorted.end());
    if (std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end()) return names;
  }
  return {};
}

bool IsHostChar(char c) {
  return absl::ascii_isalnum(c) || c == '-' || c == '.' || c == ':';
}

// Something a program may connect to: host:port, a URL's host, or a name of the cluster's DNS.
bool LooksLikeHost(absl::string_view word, bool after_scheme) {
  const size_t colon = word.find(':');
  const absl::string_view host = word.substr(0, colon);
  if (host.size() < 2 || host.size() > 253 || !absl::ascii_isalpha(host[0])) return false;
  if (after_scheme) return true;
  if (absl::EndsWith(host, ".svc") || absl::StrContains(host, ".svc.")) return true;
  if (colon == absl::string_view::npos) return false;
  const absl::string_view port = word.substr(colon + 1);
  return port.size() >= 2 && port.size() <= 5 &&
         std::all_of(port.begin(), port.end(), [](char c) { return absl::ascii_isdigit(c); });
}

// Settings whose whole value is a host: DB_HOST, redis.addr, UPSTREAM.
bool NamesHost(absl::string_view setting) {
  const std::string lower = absl::AsciiStrToLower(setting);
  for (const absl::string_view part :
       {"host", "addr", "server", "service", "endpoint", "broker", "upstream", "url"}) {
    if (absl::StrContains(lower, part)) return true;
  }
  return false;
}

// The hosts named in a configuration value; nothing else of it leaves the decoder.
std::vector<std::string> HostsIn(absl::string_view setting, absl::string_view text) {
  std::set<std::string> hosts;
  const absl::string_view whole = absl::StripAsciiWhitespace(text);
  if (std::all_of(whole.begin(), whole.end(), IsHostChar) && NamesHost(setting) &&
      LooksLikeHost(whole, true)) {
    hosts.insert(std::string(whole));
  }
  for (size_t i = 0; i < text.size() && hosts.size() < kMaxHostsPerValue;) {
    if (!IsHostChar(text[i])) {
      ++i;
      continue;
    }
    size_t end = i;
    while (end < text.size() && IsHostChar(text[end])) ++end;
    absl::string_view word = text.substr(i, end - i);
    const bool scheme = i >= 3 && text.substr(i - 3, 3) == "://";
    const bool credentials = end < text.size() && text[end] == '@';
    const bool after_sign = i >= 1 && text[i - 1] == '@' && word.find('.') != word.npos;
    while (!word.empty() && (word.back() == '.' || word.back() == ':')) word.remove_suffix(1);
    if (!credentials && LooksLikeHost(word, scheme || after_sign)) hosts.insert(std::string(word));
    i = end;
  }
  return {hosts.begin(), hosts.end()};
}

class Flattener {
 public:
  Flattener(const std::string& kind, const std::string& identity, Context& ctx,
            std::vector<Field>* fields)
      : kind_(kind), identity_(identity), ctx_(ctx), fields_(*fields) {}

  void Object(const json::object& object) {
    for (const auto& member : object) {
      const absl::string_view name = View(member.key());
      if (name == "kind" || name == "metadata") continue;
      if (kind_ == "Secret" && (name == "data" || name == "stringData")) {
        SecretData(member.value(), name == "data");
      } else if (kind_ == "ConfigMap" && (name == "data" || name == "binaryData")) {
        ConfigData(member.value(), name);
      } else {
        Member(name, member.value());
      }
    }
    if (const json::object* metadata = FindObject(object, "metadata")) {
      const Scope scope(this, "metadata");
      for (const auto& member : *metadata) {
        const absl::string_view name = View(member.key());
        if (!In(kOwnMetadata, name)) Member(name, member.value());
      }
    }
  }

 private:
  // Extends the path while it lives.
  class Scope {
   public:
    Scope(Flattener* f, absl::string_view member) : f_(*f), size_(f->path_.size()) {
      AppendMember(&f_.path_, member);
    }
    Scope(Flattener* f, absl::string_view element, int) : f_(*f), size_(f->path_.size()) {
      absl::StrAppend(&f_.path_, "[", element, "]");
    }
    ~Scope() { f_.path_.resize(size_); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Flattener& f_;
    const size_t size_;
  };

  bool Dropped(absl::string_view name, const json::value& value) const {
    if (In(kDroppedMembers, name)) return true;
    if (name == "creationTimestamp" && value.is_null()) return true;
    return path_ == "status" && IsDroppedStatus(kind_, name);
  }

  void Member(absl::string_view name, const json::value& value) {
    if (Dropped(name, value)) return;
    const Scope scope(this, name);
    if (const json::object* object = value.if_object()) {
      if (name == "annotations") return Annotations(*object);
      if (object->empty()) return Add("{}", FieldKind::kEmpty);
      for (const auto& member : *object) Member(View(member.key()), member.value());
    } else if (const json::array* list = value.if_array()) {
      List(name, *list);
    } else {
      Leaf(name, value);
    }
  }

  void Annotations(const json::object& annotations) {
    for (const auto& member : annotations) {
      const absl::string_view name = View(member.key());
      if (In(kDroppedAnnotations, name)) continue;
      const Scope scope(this, name);
      std::string text = ScalarText(member.value());
      ctx_.redactor().NamedValue(name, &text);
      Add(std::move(text), FieldKind::kString);
    }
  }

  void List(absl::string_view name, const json::array& list) {
    if (list.empty()) return Add("[]", FieldKind::kEmpty);
    const std::vector<std::string> names = ElementNames(list);
    const bool arguments = name == "args" || name == "command";
    absl::string_view previous;
    for (size_t i = 0; i < list.size(); ++i) {
      const Scope scope(this, names.empty() ? absl::StrCat(i) : names[i], 0);
      const json::value& element = list[i];
      if (const json::object* object = element.if_object()) {
        Element(name, *object);
      } else if (const json::array* inner = element.if_array()) {
        List("", *inner);
      } else if (arguments && element.is_string()) {
        std::string text = ScalarText(element);
        ctx_.redactor().ArgumentAfter(previous, &text);
        Add(std::move(text), FieldKind::kString);
        previous = View(element.get_string());
      } else {
        Leaf(name, element);
      }
    }
  }

  void Element(absl::string_view list, const json::object& object) {
    if (object.empty()) return Add("{}", FieldKind::kEmpty);
    // {name, value} pairs: env variables, and what looks like them in custom resources.
    const json::value* value = Find(object, "value");
    const bool pair = Has(object, "name") && value != nullptr && value->is_string();
    for (const auto& member : object) {
      const absl::string_view name = View(member.key());
      if (pair && name == "value") {
        NamedValue(Str(object, "name"), View(value->get_string()));
      } else {
        Member(name, member.value());
      }
    }
  }

  // A redacted value keeps a keyed hash beside it, so that a change of it is seen.
  void NamedValue(absl::string_view name, absl::string_view raw) {
    std::string text = Text(raw);
    const bool redacted = ctx_.redactor().NamedValue(name, &text);
    {
      const Scope scope(this, "value");
      Add(std::move(text), FieldKind::kString);
    }
    if (!redacted) return;
    const Scope scope(this, "valueMac");
    Add(HmacField(ctx_, identity_, path_, raw), FieldKind::kMac);
  }

  void Leaf(absl::string_view name, const json::value& value) {
    switch (value.kind()) {
      case json::kind::null:
        return Add("null", FieldKind::kEmpty);
      case json::kind::bool_:
        return Add(ScalarText(value), FieldKind::kBool);
      case json::kind::string:
        break;
      default:
        return Add(ScalarText(value), FieldKind::kNumber);
    }
    std::string text = ScalarText(value);
    if (text.size() >= 3 && Redactor::IsSecretLeaf(name)) {
      ctx_.redactor().NamedValue("secret", &text);
    } else if (text.size() >= 8) {
      ctx_.redactor().Text(&text);
    }
    Add(std::move(text), FieldKind::kString);
  }

  void SecretData(const json::value& value, bool encoded) {
    const json::object* data = value.if_object();
    if (data == nullptr) return;
    const Scope scope(this, "data");
    for (const auto& member : *data) {
      const Scope inner(this, View(member.key()));
      const json::string* text = member.value().if_string();
      const absl::string_view raw = text == nullptr ? absl::string_view() : View(*text);
      std::string decoded;
      const bool plain = encoded && absl::Base64Unescape(raw, &decoded);
      Add(HmacField(ctx_, identity_, path_, plain ? absl::string_view(decoded) : raw),
          FieldKind::kMac);
    }
  }

  void ConfigData(const json::value& value, absl::string_view name) {
    const json::object* data = value.if_object();
    if (data == nullptr) return;
    for (const auto& member : *data) {
      const absl::string_view key = View(member.key());
      const std::string text = ScalarText(member.value());
      {
        const Scope outer(this, name);
        const Scope inner(this, key);
        Add(HmacField(ctx_, identity_, path_, text), FieldKind::kMac);
      }
      if (name != "data") continue;
      const std::vector<std::string> hosts = HostsIn(key, text);
      const Scope outer(this, "hosts");
      const Scope inner(this, key);
      for (size_t i = 0; i < hosts.size(); ++i) {
        const Scope scope(this, absl::StrCat(i), 0);
        Add(hosts[i], FieldKind::kString);
      }
    }
  }

  void Add(std::string text, FieldKind kind) {
    const size_t limit = ctx_.limits().string_bytes;
    if (text.size() > limit) {
      const uint64_t hash = XXH3_64bits(text.data(), text.size());
      const size_t size = text.size();
      ++ctx_.stats().limits["max_value_bytes"];
      text.resize(CutUtf8(text, limit).size());
      absl::StrAppend(&text, "…[", size, " bytes, ", absl::Hex(hash, absl::kZeroPad16), "]");
    }
    fields_.push_back({Text(path_), std::move(text), kind});
  }

  const std::string& kind_;
  const std::string& identity_;
  Context& ctx_;
  std::vector<Field>& fields_;
  std::string path_;
};

}  // namespace

void AppendMember(std::string* path, absl::string_view name) {
  const bool plain = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(c) || c == '-' || c == '_';
  });
  if (!plain) {
    absl::StrAppend(path, "[", name, "]");
  } else if (path->empty()) {
    path->append(name.data(), name.size());
  } else {
    absl::StrAppend(path, ".", name);
  }
}

std::string HmacField(const Context& ctx, absl::string_view identity, absl::string_view path,
                      absl::string_view value) {
  const MacKey* key = ctx.options().mac_key;
  if (key == nullptr) return "mac:";
  // The place is hashed along, so that equal secrets in two places can't be told to be equal.
  const std::string salted =
      absl::StrCat(identity, absl::string_view("\0", 1), path, absl::string_view("\0", 1), value);
  const std::array<uint8_t, 32> mac = HmacSha256(key->secret, salted);
  return absl::StrCat("mac:", key->id, ":", HexOf(mac.data(), 16));
}

void CollectFields(const json::object& object, const std::string& kind, const std::string& identity,
                   Context& ctx, std::vector<Field>* fields) {
  Flattener(kind, identity, ctx, fields).Object(object);
  const auto by_path = [](const Field& a, const Field& b) { return a.path < b.path; };
  if (!std::is_sorted(fields->begin(), fields->end(), by_path)) {
    std::stable_sort(fields->begin(), fields->end(), by_path);
  }
}

}  // namespace kg::ingest
