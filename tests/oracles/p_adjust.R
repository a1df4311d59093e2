# Adjusted p-values (stats::p.adjust). NA stays NA and does not count.
#   Rscript tests/oracles/p_adjust.R > tests/oracles/p_adjust.json
source(file.path(local({
  a <- grep("^--file=", commandArgs(FALSE), value = TRUE)
  if (length(a)) dirname(sub("^--file=", "", a[1])) else "."
}), "common.R"))
set.seed(20240501)
vectors <- list(
  "Benjamini Hochberg 1995 table" = c(.0001, .0004, .0019, .0095, .0201, .0278, .0298, .0344, .0459, .3240, .4262, .5719, .6528, .7590, 1),
  "unsorted" = c(.04, .001, .2, .013, .027, .9, .049),
  "ties" = c(.01, .01, .02, .02, .02, .5, .01, .5),
  "all equal" = rep(.02, 5),
  "zeros and ones" = c(0, 0, .03, 1, .5, 1),
  "with NA" = c(.01, NA, .04, .03, NA, .005, .6),
  "length one" = .03,
  "length two" = c(.03, .04),
  "tiny" = c(1e-300, 1e-200, 1e-16, 1e-5, .9, .1),
  "fifty random" = signif(rbeta(50, .4, 1.5), 12),
  "hommel differs from hochberg" = c(.01, .02, .022, .09, .024))
cases <- lapply(names(vectors), function(name) {
  p <- vectors[[name]]
  methods <- c("bonferroni", "holm", "hochberg", "hommel", "BH", "BY")
  case(name, list(p = arr(p)), sapply(methods, function(m) arr(p.adjust(p, m)), simplify = FALSE))
})
emit("p_adjust.R", cases)
