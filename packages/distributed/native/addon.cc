// The Node addon: what JavaScript asks of the engine. MPI is of the whole process and starts once, and so there is one engine.
#include <napi.h>

#include <memory>
#include <string>

#include "engine.h"

namespace {

using flambeau::Engine;
using flambeau::Task;

/** Never deleted: its thread may be the one in which a library ends the process. */
Engine* engine = nullptr;
Napi::ThreadSafeFunction settled;
/** Set when the process ends: nobody listens any more. */
bool over = false;

struct Result {
  uint32_t id;
  std::string error;
};

/** Opens the first library that opens: { family, version, path }; throws a sentence for each that does not. */
Napi::Value Open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Array names = info[0].As<Napi::Array>();
  std::string reasons;
  for (uint32_t i = 0; i < names.Length(); i++) {
    const std::string name = names.Get(i).As<Napi::String>().Utf8Value();
    auto candidate = std::make_unique<Engine>();
    const std::string error = candidate->mpi.open(name.c_str());
    if (!error.empty()) {
      reasons += (reasons.empty() ? "" : "; ") + name + ": " + error;
      continue;
    }
    engine = candidate.release();
    Napi::Object found = Napi::Object::New(env);
    found.Set("family", engine->mpi.family);
    found.Set("version", engine->mpi.version);
    found.Set("path", engine->mpi.path);
    return found;
  }
  Napi::Error::New(env, reasons).ThrowAsJavaScriptException();
  return env.Undefined();
}

/** start({ start, silence, debug }, settled): { rank, size, threadLevel }. Limits are in seconds. */
Napi::Value Start(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object options = info[0].As<Napi::Object>();
  settled = Napi::ThreadSafeFunction::New(env, info[1].As<Napi::Function>(), "flambeau-distributed", 0, 1);
  settled.Unref(env);
  flambeau::Limits limits;
  limits.start = options.Get("start").ToNumber().DoubleValue();
  limits.silence = options.Get("silence").ToNumber().DoubleValue();
  const std::string error = engine->start(limits, options.Get("debug").ToBoolean(), [](uint32_t id, const std::string& text) {
    auto* result = new Result{id, text};
    const napi_status status = settled.NonBlockingCall(result, [](Napi::Env callEnv, Napi::Function callback, Result* data) {
      engine->forget(data->id);
      if (!over && callEnv != nullptr)
        callback.Call({Napi::Number::New(callEnv, data->id),
                       data->error.empty() ? callEnv.Undefined() : Napi::Value(Napi::String::New(callEnv, data->error))});
      delete data;
    });
    if (status != napi_ok) delete result;
  });
  if (!error.empty()) {
    Napi::Error::New(env, error).ThrowAsJavaScriptException();
    return env.Undefined();
  }
  Napi::Object place = Napi::Object::New(env);
  place.Set("rank", engine->rank);
  place.Set("size", engine->size);
  place.Set("threadLevel", engine->threadLevel);
  return place;
}

void* address(const Napi::Value& value) {
  if (!value.IsTypedArray()) return nullptr;
  const Napi::TypedArray array = value.As<Napi::TypedArray>();
  return static_cast<char*>(array.ArrayBuffer().Data()) + array.ByteOffset();
}

/** submit(task): its id. `send` and `receive` are byte arrays that the caller keeps alive and in place until it is settled. */
Napi::Value Submit(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object asked = info[0].As<Napi::Object>();
  const auto number = [&](const char* name) { return asked.Get(name).ToNumber().Int32Value(); };
  auto task = std::make_unique<Task>();
  task->kind = static_cast<flambeau::Kind>(number("kind"));
  task->group = number("group");
  task->type = static_cast<flambeau::Type>(number("type"));
  task->reduction = static_cast<flambeau::Reduction>(number("reduction"));
  task->send = address(asked.Get("send"));
  task->receive = address(asked.Get("receive"));
  task->count = number("count");
  task->peer = number("peer");
  task->tag = number("tag");
  task->seconds = asked.Get("seconds").ToNumber().DoubleValue();
  task->label = asked.Get("label").ToString();
  task->fingerprint = asked.Get("fingerprint").ToString();
  if (asked.Get("members").IsArray()) {
    const Napi::Array members = asked.Get("members").As<Napi::Array>();
    for (uint32_t i = 0; i < members.Length(); i++) task->members.push_back(members.Get(i).ToNumber());
  }
  return Napi::Number::New(env, engine->submit(std::move(task)));
}

/** wait(id): blocks until the task is settled; its error or undefined. */
Napi::Value Wait(const Napi::CallbackInfo& info) {
  const std::string error = engine->wait(info[0].ToNumber().Uint32Value());
  return error.empty() ? info.Env().Undefined() : Napi::Value(Napi::String::New(info.Env(), error));
}

void Fail(const Napi::CallbackInfo& info) { engine->fail(info[0].ToString()); }

/** Ends the thread; nothing may be asked afterwards. */
void Stop(const Napi::CallbackInfo& info) {
  (void)info;
  over = true;
  engine->stop();
}

/** Whether the event loop waits for what is under way. */
void Hold(const Napi::CallbackInfo& info) {
  if (info[0].ToBoolean()) settled.Ref(info.Env());
  else settled.Unref(info.Env());
}

Napi::Object Initialize(Napi::Env env, Napi::Object exports) {
  exports.Set("open", Napi::Function::New(env, Open));
  exports.Set("start", Napi::Function::New(env, Start));
  exports.Set("submit", Napi::Function::New(env, Submit));
  exports.Set("wait", Napi::Function::New(env, Wait));
  exports.Set("fail", Napi::Function::New(env, Fail));
  exports.Set("stop", Napi::Function::New(env, Stop));
  exports.Set("hold", Napi::Function::New(env, Hold));
  return exports;
}

}  // namespace

NODE_API_MODULE(flambeau_distributed, Initialize)
