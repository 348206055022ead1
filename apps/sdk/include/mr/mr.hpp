// Millrace for plugin authors: the whole API. A plugin includes this and links nothing of Millrace.
//
//   #include <mr/mr.hpp>
//   struct WordCount : mr::Job<mr::View, uint64_t> {
//     void map(View line, Emit& emit) {
//       for (View word : mr::words(line)) emit(word, 1);
//     }
//     using Reduce = mr::Sum;  // a fold, so it is the combiner too
//   };
//   MR_JOB(WordCount);
//
//   g++ -std=c++20 -O2 -shared -fPIC $(pkg-config --cflags mr) wordcount.cpp -o wordcount.so
//   mrsubmit run --local wordcount.so books/ -o out
//
// types codec key_parts   keys and values, their order, their groups     text        words, fields, to<T>
// emit values out         what map and reduce are given                  task param  the attempt, parameters, counters
// formats                 rows of CSV, JSON lines, key-value files
// job folds               the bases of a job, the named reduces          plugin      MR_JOB and what it makes
#pragma once

#include <mr/plugin.hpp>
