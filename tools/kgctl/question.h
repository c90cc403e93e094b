#pragma once

#include <boost/json.hpp>
#include <map>
#include <string>
#include <vector>

#include "server/http.h"
#include "tools/kgctl/command.h"
#include "tools/kgctl/source.h"
#include "tools/kgctl/table.h"

namespace kg::kgctl {

// The part that all questions share: flags, asking, and the five output formats. A question adds
// its own flags and says how its answer looks as a table.
class QuestionCommand : public Command {
 public:
  void Define(FlagSet* flags) final;
  absl::StatusOr<int> Run(Environment* env) final;

 protected:
  // Who is asked what, and the moment that the answer is about, for the first line of a table.
  struct Page {
    std::ostream& out;
    PageStyle style;
    std::string clock_name;  // "now" or "data clock": what a question without --at is about
    bool at_given = false;
  };

  // A flag that is handed on as a parameter just as it was given.
  struct TextFlag {
    const char* name;
    const char* value;
    const char* param;
    const char* help;
  };
  virtual std::vector<TextFlag> TextFlags() const { return {}; }
  // Flags that are not handed on as they are, and what they say.
  virtual void DefineOwn(FlagSet* flags) {}
  virtual absl::Status Fill(server::Params* params) { return absl::OkStatus(); }
  virtual void Print(const boost::json::value& answer, const Page& page) = 0;
  // What -o name prints, one per line.
  virtual std::vector<std::string> Names(const boost::json::value& answer) { return {}; }
  virtual int ExitCode(const boost::json::value& answer) const { return kExitOk; }
  // Whether the question takes an object, and how the help calls it.
  virtual std::string ObjectHelp() const { return ""; }
  // Whose settings it takes, see SettingUse.
  virtual unsigned Uses() const { return kQuestions; }
  virtual bool HasPages() const { return false; }
  // Which of the common flags would say something to it.
  virtual bool TakesSelector() const { return false; }
  virtual bool TakesNamespace() const { return true; }
  virtual bool TakesWindow() const { return true; }
  virtual std::string WindowHelp() const { return "How far back from there: 15m, 2h (default 1h)"; }

  // Sets `name` where `value` is not empty.
  static void Set(server::Params* params, const std::string& name, const std::string& value);
  // "as of 2026-03-02 10:42:00 UTC (data clock)".
  static std::string Moment(const boost::json::value& answer, const std::string& path,
                            const Page& page);
  // What an answer says of its own limits: cut, next page.
  static void PrintLimits(const boost::json::value& answer, const Page& page);

 private:
  absl::StatusOr<server::Params> MakeParams();
  PageStyle Style(const Environment& env) const;
  void NoteStrangeNamespace(Source* source, Environment* env) const;

  Place place_;
  std::vector<std::string> objects_;
  std::map<std::string, std::string> texts_;  // by parameter
  std::string namespace_, selector_, tenant_, cluster_, at_, since_, timeout_, limit_, cursor_;
  std::string output_ = "table";
  std::string color_ = "auto";
  bool all_namespaces_ = false;
  bool no_headers_ = false;
};

}  // namespace kg::kgctl
