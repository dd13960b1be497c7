/** What etcd's membership package says of errors before its server gives them the words that clients see. */
export const membershipTexts = {
  memberNotFound: 'membership: ID not found',
  memberNotLearner: 'membership: can only promote a learner member',
  tooManyLearners: 'membership: too many learner members in cluster',
} as const;
