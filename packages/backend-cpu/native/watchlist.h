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
    int32_t slot = static_cast<int32_t>(slots.size());
    if (vacant.empty()) {
      slots.push_back({});
    } else {
      slot = vacant.back();
      vacant.pop_back();
    }
    napi_create_reference(env, object, 0, &slots[slot].reference);
    list(slot, 0);
    return slot;
  }

  /** Ends the watch of an object; its slot is free for another. */
  void unwatch(int32_t slot) {
    napi_delete_reference(env, slots[slot].reference);
    // The last of its list takes its place.
    std::vector<int32_t>& peers = ofAge[slots[slot].age];
    peers[slots[slot].place] = peers.back();
    slots[peers.back()].place = slots[slot].place;
    peers.pop_back();
    vacant.push_back(slot);
  }

  /**
   * The slots of collected objects, as an array; they are free for others from here on. With `all` every object is looked at. Without, those
   * that have outlived two such calls are passed over in seven of eight: what was not collected young is not collected soon.
   */
  napi_value collected(bool all) {
    napi_value found;
    napi_create_array(env, &found);
    napi_handle_scope scope;
    napi_open_handle_scope(env, &scope);
    uint32_t count = gather(0, found, gather(1, found, 0));
    if (all || ++calls % 8 == 0) gather(oldest, found, count);
    if (!all) {
      for (const int32_t slot : ofAge[1]) list(slot, oldest);
      ofAge[1].clear();
      for (const int32_t slot : ofAge[0]) list(slot, 1);
      ofAge[0].clear();
    }
    napi_close_handle_scope(env, scope);
    return found;
  }

 private:
  struct Slot {
    napi_ref reference;
    /** Calls that it has outlived, up to `oldest`, and its place in the list of that age. */
    int age;
    size_t place;
  };

  void list(int32_t slot, int age) {
    slots[slot].age = age;
    slots[slot].place = ofAge[age].size();
    ofAge[age].push_back(slot);
  }

  /** Appends the slots of an age whose objects are gone to an array that has `count` elements; returns how many it has then. */
  uint32_t gather(int age, napi_value found, uint32_t count) {
    for (size_t i = ofAge[age].size(); i-- > 0;) {
      const int32_t slot = ofAge[age][i];
      napi_value object = nullptr;
      napi_get_reference_value(env, slots[slot].reference, &object);
      if (object != nullptr) continue;
      unwatch(slot);
      napi_value number;
      napi_create_int32(env, slot, &number);
      napi_set_element(env, found, count++, number);
    }
    return count;
  }

  static constexpr int oldest = 2;
  napi_env env;
  std::vector<Slot> slots;
  std::vector<int32_t> ofAge[oldest + 1];
  std::vector<int32_t> vacant;
  uint32_t calls = 0;
};

}  // namespace flambeau_addon
