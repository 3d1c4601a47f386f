// Objects of JavaScript that are watched until its collector has taken them. JavaScript's own WeakRef and FinalizationRegistry tell of that
// only between two tasks of the event loop; a weak reference of Node-API is empty as soon as the collector has run, in the middle of a
// synchronous loop too.
#pragma once
#include <node_api.h>

#include <vector>

namespace flambeau_addon {

class Watchlist {
 public:
  explicit Watchlist(napi_env env) : env(env) {}

  /** Watches an object from now on; returns its slot. */
  int32_t watch(napi_value object) {
    napi_ref reference = nullptr;
    napi_create_reference(env, object, 0, &reference);
    if (vacant.empty()) {
      slots.push_back(reference);
      return static_cast<int32_t>(slots.size()) - 1;
    }
    const int32_t slot = vacant.back();
    vacant.pop_back();
    slots[slot] = reference;
    return slot;
  }

  /** Ends the watch of an object that is not collected yet; its slot is free for another. */
  void unwatch(int32_t slot) {
    napi_delete_reference(env, slots[slot]);
    slots[slot] = nullptr;
    vacant.push_back(slot);
  }

  /** The slots whose objects were collected since the last call, as an array; they are free for others from here on. */
  napi_value collected() {
    napi_value found;
    napi_create_array(env, &found);
    uint32_t count = 0;
    napi_handle_scope scope;
    napi_open_handle_scope(env, &scope);
    for (size_t slot = 0; slot < slots.size(); slot++) {
      if (slots[slot] == nullptr) continue;
      napi_value object = nullptr;
      napi_get_reference_value(env, slots[slot], &object);
      if (object != nullptr) continue;
      napi_delete_reference(env, slots[slot]);
      slots[slot] = nullptr;
      vacant.push_back(static_cast<int32_t>(slot));
      napi_value number;
      napi_create_int32(env, static_cast<int32_t>(slot), &number);
      napi_set_element(env, found, count++, number);
    }
    napi_close_handle_scope(env, scope);
    return found;
  }

 private:
  napi_env env;
  std::vector<napi_ref> slots;
  std::vector<int32_t> vacant;
};

}  // namespace flambeau_addon
